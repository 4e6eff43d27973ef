# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger net bridged --ifname IF`: a Linux bridge, an interface that is none, an Open vSwitch bridge.

    guest --- stream socket --- outrigger --- TAP ----- br0 ----- up0 ------ the LAN, 10.9.0.2
    guest --- stream socket --- outrigger --- macvtap ----------- up0 ------ the LAN
    guest --- stream socket --- outrigger --- TAP ----- ovs0 ---- up0 ------ the LAN
"""
import os
import shutil
import stat
import subprocess
import unittest

import fixture
import namespaces as ns
import stream_client
import vfio_user_client as vu

MACS = [f"02:88:00:00:00:0{i}" for i in range(4)]
PORT = 7000
VM = os.environ.get("OUTRIGGER_VM", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "vm"))
UNPACKED = os.path.join(os.path.realpath(VM), "ovs")  # by scripts/get-ovs, where Open vSwitch is not installed


def setUpModule():
    ns.become_host()


class BridgedTestCase(unittest.TestCase):
    ifname = None

    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)
        self.lan = ns.Namespace()
        self.addCleanup(self.lan.close)
        self.lan.connect("up0", "10.9.0.")
        self.addCleanup(ns.ip, "link", "del", "up0", check=False)
        self.lan.serve("answer", "tcp", "0.0.0.0", str(PORT))

    def start(self, ifname, *arguments):
        path = self.directory.join("ports")
        network = fixture.Server([path], ["net", "bridged", "--ifname", ifname, "--stream", path, *arguments])
        network.path = path
        self.addCleanup(network.kill)
        return network

    def guest(self, network, index=0):
        """A guest with the address 10.9.0.1INDEX."""
        guest = ns.Guest(network.path, MACS[index])
        self.addCleanup(guest.close)
        guest.address = f"10.9.0.1{index}"
        guest.run("ip", "address", "add", f"{guest.address}/24", "dev", "eth0")
        return guest

    def refused(self, *arguments):
        process = fixture.Process(["net", "bridged", "--stream", self.directory.join("no"), *arguments])
        try:
            self.assertNotEqual(process.wait(), 0)
            return process.stderr()
        finally:
            process.kill()

    def links(self):
        return {line.split(":")[1].strip().split("@")[0] for line in ns.ip("-o", "link").splitlines()}

    def assert_on_the_lan(self, guest):
        """It reaches the LAN and is reached from there, by its own address."""
        vu.wait_until(lambda: guest.ask("10.9.0.2", PORT) == guest.address, "the LAN sees the guest's own address")
        guest.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(self.lan.ask(guest.address, PORT), "10.9.0.2")


class LinuxBridge(BridgedTestCase):
    def setUp(self):
        super().setUp()
        ns.ip("link", "add", "br0", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "br0")
        ns.ip("link", "set", "br0", "up")
        ns.ip("link", "set", "up0", "master", "br0")
        ns.ip("address", "flush", "dev", "up0")
        ns.ip("address", "add", "10.9.0.1/24", "dev", "br0")

    def test_guests_are_on_the_segment_of_a_bridge(self):
        network = self.start("br0")
        a, b = self.guest(network, 0), self.guest(network, 1)
        self.assert_on_the_lan(a)
        self.assertEqual(b.ask(a.address, PORT), b.address)
        host = ns.HostNamespace()
        self.addCleanup(host.close)
        host.serve("answer", "tcp", "10.9.0.1", str(PORT + 1))
        self.assertEqual(a.ask("10.9.0.1", PORT + 1), a.address)

    def test_isolated_guests_reach_the_lan_but_not_each_other(self):
        network = self.start("br0", "--isolated")
        a, b = self.guest(network, 0), self.guest(network, 1)
        self.assert_on_the_lan(a)
        self.assertEqual(b.ask("10.9.0.2", PORT), b.address)
        self.assertFalse(b.reaches(a.address, PORT))

    def test_the_bridge_stays_as_it_was(self):
        def of_br0():
            return ns.ip("-d", "link", "show", "br0").split("promiscuity")[0], ns.ip("address", "show", "br0")
        vu.wait_until(lambda: "tentative" not in of_br0()[1] and "fe80::" in of_br0()[1], "the bridge's own address")
        before = of_br0()
        network = self.start("br0")
        self.guest(network)
        network.stop()
        self.assertEqual(of_br0(), before)
        self.assertEqual(self.links(), {"lo", "up0", "br0"})

    def test_it_ends_when_the_bridge_is_removed(self):
        ns.ip("link", "add", "br1", "type", "bridge")
        network = self.start("br1")
        ns.ip("link", "del", "br1")
        self.assertEqual(network.wait(), 1)
        self.assertIn("br1", network.stderr())

    def test_a_port_of_a_bridge_is_refused_with_the_bridges_name(self):
        self.assertIn("--ifname up0: is a port of br0 already; give --ifname br0", self.refused("--ifname", "up0"))


class Interface(BridgedTestCase):
    def setUp(self):
        super().setUp()
        if not self.has_macvtap():
            self.skipTest("needs macvtap in the kernel")

    def has_macvtap(self):
        made = subprocess.run("ip link add probe link up0 type macvtap".split(), stderr=subprocess.DEVNULL, check=False)
        if made.returncode == 0:
            ns.ip("link", "del", "probe")
        # The device's numbers are told by a sysfs of this namespace.
        ns.mount("sysfs", "/sys", "sysfs")
        self.addCleanup(ns.umount, "/sys")
        return made.returncode == 0

    def test_guests_are_on_the_segment_of_an_interface(self):
        network = self.start("up0")
        a, b = self.guest(network, 0), self.guest(network, 1)
        self.assert_on_the_lan(a)
        self.assertEqual(b.ask("10.9.0.2", PORT), b.address)
        self.assertEqual(b.ask(a.address, PORT), b.address)
        network.stop()
        self.assertEqual(self.links(), {"lo", "up0"})

    def test_isolated_guests_reach_the_lan_but_not_each_other(self):
        network = self.start("up0", "--isolated")
        a, b = self.guest(network, 0), self.guest(network, 1)
        self.assert_on_the_lan(a)
        self.assertEqual(b.ask("10.9.0.2", PORT), b.address)
        self.assertFalse(b.reaches(a.address, PORT))

    def test_guests_of_two_hosts_meet_over_vxlan(self):
        ns.ip("link", "add", "vx0", "type", "vxlan", "id", "7", "remote", "10.9.0.2", "dstport", "4789", "dev", "up0")
        self.addCleanup(ns.ip, "link", "del", "vx0", check=False)
        ns.ip("link", "set", "vx0", "up")
        for command in ("link add vx0 type vxlan id 7 remote 10.9.0.1 dstport 4789 dev inup0",
                        "address add 10.5.0.2/24 dev vx0", "link set vx0 up"):
            self.lan.run("ip", *command.split())
        guest = self.guest(self.start("vx0"))
        guest.run("ip", "link", "set", "eth0", "mtu", "1450")
        guest.run("ip", "address", "add", "10.5.0.1/24", "dev", "eth0")
        vu.wait_until(lambda: guest.ask("10.5.0.2", PORT) == "10.5.0.1", "the other end of the tunnel")

    def test_a_device_of_another_namespace_is_not_taken_for_ours(self):
        # Its interface has the same index and name as ours, and sysfs shows neither.
        ns.mount("tmpfs", "/sys/class/net", "tmpfs")
        self.addCleanup(ns.umount, "/sys/class/net")
        network = self.start("up0")
        ns.ip("link", "add", "probe", "type", "bridge")
        index = int(ns.ip("-o", "link", "show", "probe").split(":")[0]) + 1
        ns.ip("link", "del", "probe")
        self.lan.run("ip", "link", "add", "rig0p1", "index", str(index), "link", "inup0", "type", "macvtap")
        other = self.lan.run("unshare", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && "
                             f"cat /sys/class/net/rig0p1/macvtap/tap{index}/dev")
        node = f"/dev/tap{index}"
        if not os.path.exists(node):
            os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(*map(int, other.split(":"))))
            self.addCleanup(os.unlink, node)
        guest = stream_client.StreamClient(network.path)
        self.addCleanup(guest.close)
        vu.wait_until(lambda: f"cannot open {node}" in network.stderr(), "a line in the log")
        self.assertRaises(EOFError, guest.receive)

    def test_after_a_kill_the_next_network_starts_clean(self):
        network = self.start("up0")
        self.guest(network)
        network.kill()
        self.assertIn("rig0p1", self.links())
        network = self.start("up0")
        self.assertNotIn("rig0p1", self.links())
        self.assert_on_the_lan(self.guest(network))


class OpenVSwitch(BridgedTestCase):
    def setUp(self):
        super().setUp()
        schema = "/usr/share/openvswitch/vswitch.ovsschema"
        if os.path.exists(f"{UNPACKED}/tools") and not os.path.exists(schema):
            path, schema = os.environ["PATH"], f"{UNPACKED}/vswitch.ovsschema"
            os.environ["PATH"] = f"{UNPACKED}/tools:{path}"
            self.addCleanup(os.environ.__setitem__, "PATH", path)
        for tool in ("ovs-vsctl", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd"):
            if not shutil.which(tool):
                self.skipTest(f"needs {tool}: run scripts/get-ovs")
        run = self.directory.join("ovs")
        os.mkdir(run)
        for variable in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"):
            os.environ[variable] = run
            self.addCleanup(os.environ.pop, variable)
        database = f"{run}/conf.db"
        ns.run("ovsdb-tool", "create", database, schema)
        self.daemon("ovsdb-server", database, f"--remote=punix:{run}/db.sock")
        vu.wait_until(lambda: os.path.exists(f"{run}/db.sock"), "Open vSwitch's database")
        ns.run("ovs-vsctl", "--no-wait", "init")
        self.daemon("ovs-vswitchd", f"unix:{run}/db.sock")
        ns.run("ovs-vsctl", "--timeout=15", "add-br", "ovs0", "--", "set", "bridge", "ovs0", "datapath_type=netdev")
        ns.run("ovs-vsctl", "--timeout=15", "add-port", "ovs0", "up0")
        ns.ip("link", "set", "ovs0", "up")
        self.lan.python("complete_checksums('inup0')")  # Open vSwitch's userspace takes frames as they are

    def daemon(self, *command):
        log = open(self.directory.join(f"{command[0]}.log"), "wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

        def end():
            process.terminate()
            process.wait()
        self.addCleanup(end)

    def ports(self):
        return ns.run("ovs-vsctl", "--timeout=15", "list-ports", "ovs0").split()

    def test_guests_are_on_the_segment_of_an_open_vswitch_bridge(self):
        network = self.start("ovs0")
        a, b = self.guest(network, 0), self.guest(network, 1)
        self.assert_on_the_lan(a)
        self.assertEqual(b.ask(a.address, PORT), b.address)
        self.assertEqual(self.ports(), ["rig0p1", "rig0p2", "up0"])
        network.stop()
        self.assertEqual(self.ports(), ["up0"])

    def test_after_a_kill_the_next_network_starts_clean(self):
        network = self.start("ovs0")
        self.guest(network)
        vu.wait_until(lambda: self.ports() == ["rig0p1", "up0"], "the guest's port in the database")
        network.kill()
        self.start("ovs0")
        self.assertEqual(self.ports(), ["up0"])


class SlowOpenVSwitch(BridgedTestCase):
    """An ovs-vsctl that answers when it is told to, or never; its bridge is a TAP of nobody's."""
    SCRIPT = """#!/bin/sh
echo "$*" >> {here}/asked
case $* in
*list-br*) echo tap0 ;;
*add-port*) read -r status < {here}/adding; [ "$status" = 0 ] || echo "no more of them"; exit "$status" ;;
esac
"""

    def setUp(self):
        super().setUp()
        ns.ip("tuntap", "add", "tap0", "mode", "tap")
        self.addCleanup(ns.ip, "link", "del", "tap0")
        os.mkdir(self.directory.join("bin"))
        with open(self.directory.join("bin/ovs-vsctl"), "w", encoding="ascii") as script:
            script.write(self.SCRIPT.format(here=self.directory.path))
            os.chmod(script.name, 0o755)
        os.mkfifo(self.directory.join("adding"))
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{self.directory.join('bin')}:{path}"
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        self.control = self.directory.join("control")
        self.network = self.start("tap0", "--control", self.control)

    def answer(self, status):
        """To the add-port that waits, or the next one."""
        with open(self.directory.join("adding"), "w", encoding="ascii") as file:
            file.write(f"{status}\n")

    def asked(self):
        with open(self.directory.join("asked"), encoding="ascii") as file:
            return file.read()

    def ctl(self, *command):
        return ns.run(fixture.executable(), "ctl", self.control, *command)

    def test_others_are_served_while_it_does_not_answer(self):
        guest = self.guest(self.network)
        vu.wait_until(lambda: "add-port tap0 rig0p1" in self.asked(), "ovs-vsctl")
        self.assertIn("bridged", self.ctl("status"))
        guest.close()
        self.answer(0)
        vu.wait_until(lambda: "del-port rig0p1" in self.asked(), "the port is taken back")

    def test_a_name_is_not_used_again_before_it_is_out_of_the_database(self):
        self.guest(self.network, 0).close()
        vu.wait_until(lambda: "add-port tap0 rig0p1" in self.asked(), "ovs-vsctl")
        self.guest(self.network, 1)
        self.assertIn("rig0p2", self.links())
        self.answer(0)
        # Else the one that has its answer already could be given this one, too.
        vu.wait_until(lambda: "add-port tap0 rig0p2" in self.asked(), "ovs-vsctl for the second guest")
        self.answer(0)

    def test_what_it_says_is_said_and_it_is_asked_again(self):
        self.guest(self.network)
        self.answer(1)
        vu.wait_until(lambda: "cannot plug rig0p1 into tap0: no more of them" in self.network.stderr(), "a line in the log")
        self.answer(0)
        self.network.stop()
        self.assertTrue(self.asked().rstrip().endswith("--if-exists del-port rig0p1"), self.asked())

    def test_one_that_never_answers_is_ended(self):
        self.guest(self.network)
        vu.wait_until(lambda: "ovs-vsctl does not answer within" in self.network.stderr(), "a line in the log")


class Refused(BridgedTestCase):
    def test_an_unknown_interface_is_refused_and_those_that_exist_are_named(self):
        self.assertRegex(self.refused("--ifname", "nic9"), r"--ifname nic9: no such interface; there are .*\bup0\b")

    def test_the_loopback_interface_is_refused(self):
        self.assertIn("--ifname lo: the loopback interface", self.refused("--ifname", "lo"))

    def test_a_forward_is_refused_in_words(self):
        said = self.refused("--ifname", "up0", "--forward", "tcp:8080-10.9.0.10:80")
        self.assertIn("bridged", said)


if __name__ == "__main__":
    unittest.main()
