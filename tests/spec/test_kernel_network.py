# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger net shared|host --network kernel`, with Linux network stacks as guests and as the outside.

    guest --- TAP --- stream socket --- outrigger --- TAP -+
                                                           +- rig0 - host - up0 ------ outside
    guest --- TAP --- stream socket --- outrigger --- TAP -+   10.9.0.1, fd09::1       10.9.0.2, fd09::2

The host is this test's own namespace. The outside has routes back to the guests, so that what does not get through
is stopped by the host, not by a missing route.
"""
import glob
import os
import shutil
import signal
import socket
import stat
import subprocess
import unittest

import fixture
import namespaces as ns
import vfio_user_client as vu
from control_client import Control, ControlError

SHARED = ("--start-address", "192.168.77.1", "--end-address", "192.168.77.99", "--subnet-mask", "255.255.255.0",
          "--nat66-prefix", "fd77::")
GATEWAY, GATEWAY6 = "192.168.77.1", "fd77::2"
MACS = [f"02:77:00:00:00:0{i}" for i in range(8)]
PORT = 7000


def setUpModule():
    ns.become_host("dnsmasq", "nft")
    ns.run("sh", "-c", "echo nameserver 10.9.0.2 > /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf")


class Network(fixture.Server):
    """`outrigger net ...` with one stream socket."""

    def __init__(self, directory, arguments, mode="shared", name="ports", **popen):
        self.path = directory.join(name)
        super().__init__([self.path], ["net", mode, "--network", "kernel", "--stream", self.path, *arguments], **popen)


class KernelTestCase(unittest.TestCase):
    """A fresh network for each test: self.network, or none if arguments is None; and the outside."""

    mode = "shared"
    arguments = SHARED

    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)
        self.host = ns.HostNamespace()
        self.addCleanup(self.host.close)
        self.outside = ns.Namespace()
        self.addCleanup(self.outside.close)
        self.outside.connect("up0", "10.9.0.", "fd09::")
        self.addCleanup(ns.ip, "link", "del", "up0", check=False)
        self.outside.run("ip", "route", "add", "192.168.0.0/16", "via", "10.9.0.1")
        self.outside.run("ip", "route", "add", "fd77::/64", "via", "fd09::1")
        ns.ip("route", "replace", "default", "via", "10.9.0.2")
        if self.arguments is not None:
            self.network = self.start(*self.arguments, mode=self.mode)

    def start(self, *arguments, mode="shared", name="ports", **popen):
        network = Network(self.directory, arguments, mode, name, **popen)
        self.addCleanup(network.kill)
        return network

    def guest(self, index=0, name="", network=None, address=True):
        guest = ns.Guest((network or self.network).path, MACS[index])
        self.addCleanup(guest.close)
        if address:
            guest.lease = guest.dhcp(name)
            self.assertIn("address", guest.lease, str(self.network))
            guest.address = guest.lease["address"]
        return guest

    def refused(self, *arguments, mode="shared", before=(), **popen):
        """Start one that must not start. Return: what it said"""
        process = fixture.Process([*before, "net", mode, "--network", "kernel", "--stream", self.directory.join("no"),
                                   *arguments], **popen)
        try:
            self.assertNotEqual(process.wait(), 0)
            self.assertIsNone(fixture.sanitizer_report(process.stderr()))
            return process.stderr()
        finally:
            process.kill()

    def links(self):
        return {line.split(":")[1].strip().split("@")[0] for line in ns.ip("-o", "link").splitlines()}


def setting(family, interface, name):
    with open(f"/proc/sys/net/{family}/conf/{interface}/{name}", encoding="ascii") as file:
        return int(file.read())


def set_setting(family, interface, name, value):
    with open(f"/proc/sys/net/{family}/conf/{interface}/{name}", "w", encoding="ascii") as file:
        file.write(f"{value}\n")


def status_of(pid):
    """/proc/PID/status, by name."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {name: value.strip() for name, value in (line.split(":", 1) for line in file.read().splitlines())}


def capabilities(status, name):
    """A set of the kernel's numbers. name: CapPrm..."""
    return {bit for bit in range(64) if int(status[name], 16) >> bit & 1}


def unprivileged(names):
    """Arguments of setpriv: run outrigger as nobody with these capabilities, as systemd would do it."""
    listed = ",".join("+" + name for name in names.split(","))
    return ["--reuid", "65534", "--regid", "65534", "--clear-groups", f"--inh-caps=-all,{listed}",
            f"--ambient-caps=-all,{listed}", f"--bounding-set=-all,{listed}", fixture.executable()]


def dnsmasq_pid(network):
    """Of the child that serves this network; None while there is none."""
    children = ns.run("pgrep", "-P", str(network.pid), "-x", "dnsmasq", check=False).split()
    return int(children[0]) if children else None


class Shared(KernelTestCase):
    def test_a_guest_gets_its_lease_with_router_dns_and_mtu(self):
        lease = self.guest().lease
        self.assertRegex(lease.pop("address"), r"^192\.168\.77\.([2-9]|[1-9]\d)$")
        self.assertEqual(lease, {"prefix_len": "24", "router": GATEWAY, "dns": GATEWAY, "mtu": "1500",
                                 "lease_s": "86400"})

    def test_guests_reach_each_other_and_the_host(self):
        a, b = self.guest(0), self.guest(1)
        b.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.host.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(a.ask(b.address, PORT), a.address)
        self.assertEqual(a.ask(GATEWAY, PORT), a.address)
        self.assertEqual(self.host.ask(b.address, PORT), GATEWAY)

    def test_guests_reach_the_outside_as_the_host(self):
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.outside.serve("answer", "udp", "0.0.0.0", str(PORT))
        guest = self.guest()
        self.assertEqual(guest.ask("10.9.0.2", PORT), "10.9.0.1")
        self.assertEqual(guest.ask("10.9.0.2", PORT, "udp"), "10.9.0.1")

    def test_guests_reach_each_other_and_the_outside_by_ipv6(self):
        a, b = self.guest(0, address=False), self.guest(1, address=False)
        b.serve("answer", "tcp", "::", str(PORT))
        self.outside.serve("answer", "tcp", "::", str(PORT))
        address = a.python("print(address6())")
        self.assertTrue(address.startswith("fd77:"), address)
        self.assertEqual(a.ask(b.python("print(address6())"), PORT), address)
        self.assertEqual(a.ask("fd09::2", PORT), "fd09::1")

    def test_the_outside_does_not_reach_guests(self):
        guest = self.guest()
        guest.serve("answer", "tcp", "0.0.0.0", str(PORT))
        guest.serve("answer", "tcp", "::", str(PORT + 1))
        self.assertEqual(self.host.ask(guest.address, PORT), GATEWAY)  # so it listens
        self.assertFalse(self.outside.reaches(guest.address, PORT))
        self.assertFalse(self.outside.reaches(guest.python("print(address6())"), PORT + 1))

    def test_masquerading_follows_the_routes_to_another_uplink(self):
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        guest = self.guest()
        self.outside.connect("vpn0", "10.8.0.")
        self.addCleanup(ns.ip, "link", "del", "vpn0", check=False)
        self.outside.run("ip", "address", "add", "10.7.0.1/32", "dev", "lo")
        ns.ip("route", "replace", "10.7.0.0/24", "via", "10.8.0.2")
        vu.wait_until(lambda: setting("ipv4", "vpn0", "forwarding"), "the new interface forwards")
        self.assertEqual(guest.ask("10.7.0.1", PORT), "10.8.0.1")
        ns.ip("route", "replace", "10.7.0.0/24", "via", "10.9.0.2")
        self.assertEqual(guest.ask("10.7.0.1", PORT), "10.9.0.1")

    def test_more_changes_at_once_than_it_could_hear_of_do_not_make_it_deaf(self):
        def waiting():
            """Bytes of notifications that it has not read, and how many more had no room."""
            with open("/proc/net/netlink", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
            return [sum(int(row[at]) for row in rows if int(row[3], 16)) for at in (4, 8)]
        changes = os.path.join(self.directory.path, "changes")
        with open(changes, "w", encoding="ascii") as file:
            file.writelines(f"link set dev lo alias change{i}\n" for i in range(2000))
        os.kill(self.network.pid, signal.SIGSTOP)
        ns.ip("-batch", changes)
        lost = waiting()[1]
        os.kill(self.network.pid, signal.SIGCONT)
        self.assertGreater(lost, 0)
        vu.wait_until(lambda: waiting()[0] == 0, "it has read what there was")
        self.outside.connect("late0", "10.8.0.")
        self.addCleanup(ns.ip, "link", "del", "late0", check=False)
        vu.wait_until(lambda: setting("ipv4", "late0", "forwarding"), "the new interface forwards")

    def test_the_host_routes_for_nobody_else(self):
        other = ns.Namespace()
        self.addCleanup(other.close)
        other.connect("up1", "10.6.0.")
        self.addCleanup(ns.ip, "link", "del", "up1", check=False)
        other.run("ip", "route", "add", "default", "via", "10.6.0.1")
        self.outside.run("ip", "route", "add", "10.6.0.0/24", "via", "10.9.0.1")
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        vu.wait_until(lambda: setting("ipv4", "up1", "forwarding"), "the new interface forwards")
        self.assertFalse(other.reaches("10.9.0.2", PORT))
        ns.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")  # a router as a whole now: our rules step back
        self.addCleanup(ns.run, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
        vu.wait_until(lambda: other.ask("10.9.0.2", PORT) == "10.6.0.2", "routed for others, too")

    def test_what_is_bound_to_loopback_is_closed_to_guests(self):
        self.network.stop()
        self.network = self.start(*SHARED, "--forward", "tcp:127.0.0.1:8080-192.168.77.50:80")
        guest = self.guest()
        heard = self.host.serve("answer", "udp", "127.0.0.1", str(PORT))
        self.assertEqual(setting("ipv4", "rig0", "route_localnet"), 1)
        gateway_mac = ns.ip("link", "show", "rig0").split("link/ether ")[1].split()[0]
        guest.python(f"send_udp({gateway_mac!r}, {guest.address!r}, '127.0.0.1', {PORT})")
        dropped = 'iifname "rig0" ip daddr 127.0.0.0/8 counter packets 1 '
        vu.wait_until(lambda: dropped in ns.run("nft", "list", "ruleset"), "dropped by the guard")
        self.assertIsNone(heard.poll())

    def test_cloud_metadata_is_closed_unless_allowed(self):
        self.outside.run("ip", "address", "add", "169.254.169.254/32", "dev", "lo")
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        ns.ip("route", "add", "169.254.169.254", "via", "10.9.0.2")
        self.assertFalse(self.guest().reaches("169.254.169.254", PORT))
        self.network.stop()
        self.network = self.start(*SHARED, "--allow", f"169.254.169.254:{PORT}")
        self.assertEqual(self.guest(1).ask("169.254.169.254", PORT), "10.9.0.1")

    def test_frames_that_are_too_short_do_not_reach_the_tap(self):
        def received():
            after = ns.run("cat", "/proc/self/net/dev").partition("rig0p1:")[2].split()
            return int(after[1]) if after else None
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(self.network.path)
        frame = bytes.fromhex("ffffffffffff" + MACS[5].replace(":", "") + "88b5")
        client.sendall(len(frame).to_bytes(4, "big") + frame)
        vu.wait_until(lambda: received() == 1, "a frame that is just long enough")
        client.sendall((13).to_bytes(4, "big") + frame[:13] + (0).to_bytes(4, "big"))
        try:
            client.sendall(len(frame).to_bytes(4, "big") + frame)
        except OSError:
            pass
        # Either the peer is sent away for it, or what is too short is dropped.
        vu.wait_until(lambda: received() in (2, None), "the frame after it, or the port's end")


class Isolated(KernelTestCase):
    arguments = (*SHARED, "--isolated")

    def test_isolated_guests_reach_the_host_and_the_outside_but_not_each_other(self):
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        a, b = self.guest(0), self.guest(1)
        b.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.host.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(a.ask("10.9.0.2", PORT), "10.9.0.1")
        self.assertEqual(a.ask(GATEWAY, PORT), a.address)
        self.assertEqual(self.host.ask(b.address, PORT), GATEWAY)
        self.assertFalse(a.reaches(b.address, PORT))
        # Nor by the gateway.
        a.run("ip", "route", "add", f"{b.address}/32", "via", GATEWAY)
        self.assertFalse(a.reaches(b.address, PORT))


class Guarded(KernelTestCase):
    arguments = (*SHARED, "--source-guard")

    test_guests_reach_each_other_and_the_host = Shared.test_guests_reach_each_other_and_the_host
    test_guests_reach_each_other_and_the_outside_by_ipv6 = Shared.test_guests_reach_each_other_and_the_outside_by_ipv6

    def test_a_guest_under_another_s_address_reaches_nobody(self):
        a, b = self.guest(0), self.guest(1)
        self.host.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(b.ask(GATEWAY, PORT), b.address)
        b.run("ip", "address", "del", f"{b.address}/24", "dev", "eth0")
        b.run("ip", "address", "add", f"{a.address}/24", "dev", "eth0")
        self.assertEqual(b.ask(GATEWAY, PORT), "")
        self.assertEqual(a.ask(GATEWAY, PORT), a.address)


class GuardedGateway(KernelTestCase):
    arguments = None

    def test_a_guest_under_the_gateway_s_mac_is_refused(self):
        path = self.directory.join("control")
        self.network = self.start(*SHARED, "--source-guard", "--control", path)
        control = Control(path)
        self.addCleanup(control.close)
        bridge = ns.ip("-o", "link", "show", "rig0").split("link/ether ")[1].split()[0]
        thief = ns.Guest(self.network.path, bridge)    # no MAC is given: the first one would be its own
        self.addCleanup(thief.close)
        self.assertEqual(thief.dhcp(), {})
        port = control.port("ports")
        self.assertIsNone(port["mac"])
        self.assertGreater(port["counters"]["guard_dropped"], 0)


class Host(KernelTestCase):
    mode = "host"
    arguments = SHARED[:6]

    def test_guests_of_a_host_network_reach_each_other_and_the_gateway_and_nothing_else(self):
        a, b = self.guest(0), self.guest(1)
        self.assertNotIn("router", a.lease)
        self.assertEqual(a.lease["dns"], GATEWAY)
        for each in (b, self.host, self.outside):
            each.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(a.ask(b.address, PORT), a.address)
        self.assertEqual(a.ask(GATEWAY, PORT), a.address)
        self.assertEqual(self.host.ask(b.address, PORT), GATEWAY)
        self.assertFalse(self.outside.reaches(b.address, PORT))
        a.run("ip", "route", "add", "default", "via", GATEWAY)
        ns.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")  # somebody else's doing
        self.addCleanup(ns.run, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
        self.assertFalse(a.reaches("10.9.0.2", PORT))
        self.assertFalse(a.reaches("10.9.0.1", PORT))

    def test_a_host_network_does_not_make_the_host_forward(self):
        self.assertEqual(setting("ipv4", "rig0", "forwarding"), 0)
        self.assertEqual(setting("ipv4", "up0", "forwarding"), 0)


class Two(KernelTestCase):
    def test_guests_of_different_networks_do_not_reach_each_other(self):
        other = self.start(name="other")
        self.assertIn("192.168.64.1/24", other.ready_line)
        a, b = self.guest(0), self.guest(1, network=other)
        for each, probe in ((a, b), (b, a)):
            each.serve("answer", "tcp", "0.0.0.0", str(PORT))
            self.assertNotEqual(self.host.ask(each.address, PORT), "")
            self.assertFalse(probe.reaches(each.address, PORT))

    def test_two_networks_that_start_at_once_get_subnets_of_their_own(self):
        self.network.stop()
        both = [fixture.Process(["net", "shared", "--network", "kernel", "--stream", self.directory.join(f"s{i}")])
                for i in range(2)]
        self.addCleanup(lambda: [each.kill() for each in both])
        lines = [each.read_line() for each in both]
        self.assertTrue(all("ready" in line for line in lines), [str(each) for each in both])
        self.assertEqual(len(set(ns.ip("-o", "-4", "address").count(f"192.168.{i}.1/24") for i in range(256)) - {0, 1}), 0)

    def test_one_that_stays_serves_on_when_the_other_ends(self):
        other = self.start(name="other")
        guest = self.guest()
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        other.stop()
        self.assertEqual(guest.ask("10.9.0.2", PORT), "10.9.0.1")

    def test_a_subnet_in_use_is_refused_and_its_owner_is_named(self):
        said = self.refused(*SHARED)
        self.assertIn(f"192.168.77.1/24 of interface rig0 (outrigger: shared network, process {self.network.pid})", said)
        said = self.refused("--start-address", "10.9.0.1", "--end-address", "10.9.0.9", "--subnet-mask", "255.255.0.0")
        self.assertIn("10.9.0.1/24 of interface up0", said)
        ns.ip("route", "add", "10.66.0.0/16", "via", "10.9.0.2")
        said = self.refused("--start-address", "10.66.1.1", "--end-address", "10.66.1.9", "--subnet-mask", "255.255.255.0")
        self.assertIn("the route to 10.66.0.0/16 by up0", said)


class Named(KernelTestCase):
    arguments = None
    UUID = "0c1d2e3f-4a5b-4c6d-8e7f-001122334455"

    def named(self, name, *arguments, uuid=UUID):
        return self.start("--net-uuid", uuid, *arguments, mode="host", name=name)

    def guest_at(self, network, index):
        guest = self.guest(index, network=network, address=False)
        guest.address = f"10.3.0.{index + 1}"
        guest.run("ip", "address", "add", f"{guest.address}/24", "dev", "eth0")
        return guest

    def test_processes_with_one_uuid_share_a_network_that_has_nothing_of_the_hosts(self):
        first, second, other = self.named("a"), self.named("b"), self.named("c", uuid=self.UUID.replace("0c", "0d"))
        a, b, c = (self.guest_at(network, i) for i, network in enumerate((first, second, other)))
        b.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(a.ask(b.address, PORT), a.address)
        self.assertFalse(c.reaches(b.address, PORT))
        self.assertEqual(first.ready_line, f"outrigger: ready: host network {self.UUID} without the host, 1 stream socket")
        self.assertNotIn("rig", ns.ip("-o", "address"))
        self.assertIsNone(dnsmasq_pid(first))

    def test_the_last_one_to_leave_removes_the_network(self):
        first, second = self.named("a"), self.named("b")
        first.stop()
        a, b = self.guest_at(second, 0), self.guest_at(self.named("c"), 1)
        b.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(a.ask(b.address, PORT), a.address)
        for each in (a, b):
            each.close()
        second.kill()
        self.named("d").stop()
        self.assertEqual(len([link for link in self.links() if link.startswith("rig")]), 2, self.links())  # c's

    def test_addresses_of_the_host_in_a_network_that_has_none_are_refused(self):
        self.assertIn("--start-address: a kernel network with --net-uuid has no address",
                      self.refused("--net-uuid", self.UUID, *SHARED[:6], mode="host"))

    def test_an_isolated_one_is_for_one_process(self):
        network = self.named("a", "--isolated")
        said = self.refused("--net-uuid", self.UUID, mode="host")
        self.assertIn(f"isolated network {self.UUID}, process {network.pid}", said)


class Forwards(KernelTestCase):
    arguments = None

    def serve(self, *specs):
        words = [word for spec in specs for word in ("--forward", spec)]
        self.network = self.start(*SHARED, "--reserve", f"{MACS[0]}=192.168.77.10,name=web", *words)
        guest = self.guest()
        self.assertEqual(guest.address, "192.168.77.10")
        guest.serve("answer", "tcp", "0.0.0.0", "80")
        guest.serve("answer", "udp", "0.0.0.0", "53")
        return guest

    def test_the_outside_reaches_a_forwarded_port_and_its_address_is_kept(self):
        self.serve("tcp:8080-192.168.77.10:80", "udp:10.9.0.1:5353-192.168.77.10:53")
        self.assertEqual(self.outside.ask("10.9.0.1", 8080), "10.9.0.2")
        self.assertEqual(self.outside.ask("10.9.0.1", 5353, "udp"), "10.9.0.2")
        self.assertFalse(self.outside.reaches("10.9.0.1", 8081))

    def test_the_host_itself_reaches_a_forwarded_port(self):
        self.serve("tcp:8080-192.168.77.10:80", "tcp:127.0.0.1:9090-192.168.77.10:80")
        for address, port in (("10.9.0.1", 8080), ("127.0.0.1", 8080), ("127.0.0.1", 9090)):
            self.assertEqual(self.host.ask(address, port), GATEWAY, (address, port))
        self.assertFalse(self.outside.reaches("10.9.0.1", 9090))

    def test_guests_reach_a_forwarded_port_too(self):
        self.serve("tcp:8080-192.168.77.10:80")
        self.assertEqual(self.guest(1).ask("10.9.0.1", 8080), GATEWAY)

    def test_a_forward_to_a_name_follows_its_lease(self):
        self.serve("tcp:8080-web:80")
        vu.wait_until(lambda: self.outside.ask("10.9.0.1", 8080) == "10.9.0.2", "the forward to the guest's name")

    def test_a_forward_by_ipv6_reaches_the_guest(self):
        self.network = self.start(*SHARED, "--forward", "tcp:[fd09::1]:8080-[fd77::99]:80")
        guest = self.guest()
        guest.python("address6()")
        guest.run("ip", "address", "add", "fd77::99/64", "dev", "eth0", "nodad")
        guest.serve("answer", "tcp", "::", "80")
        self.assertEqual(self.outside.ask("fd09::1", 8080), "fd09::2")

    def test_forwards_that_cannot_be_are_refused_in_words(self):
        taken = self.host.serve("answer", "tcp", "0.0.0.0", "8080")
        self.host.serve("answer", "tcp", "::", "8081")
        self.host.serve("answer", "udp", "::", "8081")
        with open(self.directory.join("file"), "w", encoding="ascii"):
            pass
        for spec, words in (("tcp:8080-192.168.77.10:80", "another program on the host uses this port"),
                            ("tcp:10.5.5.5:80-192.168.77.10:80", "the host has no such address"),
                            (f"tcp:[{self.directory.join('no/u')}]-192.168.77.10:80", "its directory does not exist"),
                            (f"tcp:[{self.directory.join('file')}]-192.168.77.10:80", "a file that is no socket is there"),
                            ("tcp:[::1]:8081-[fd77::5]:80", "another program on the host uses this port"),
                            ("udp:[::1]:8081-[fd77::5]:80", "another program on the host uses this port")):
            self.assertIn(words, self.refused(*SHARED, "--forward", spec))
        self.assertIsNone(taken.poll())

    def test_forwards_that_go_through_the_process_end_with_their_removal(self):
        self.network = self.start(*SHARED, "--control", self.directory.join("control"))
        path = self.directory.join("web")
        with Control(self.directory.join("control")) as control:
            for spec in f"tcp:[{path}]-192.168.77.10:80", "tcp:[::1]:8080-[fd77::5]:80", "udp:[::1]:8080-[fd77::5]:80":
                for _ in range(2):
                    control.call("add-forward", forward=spec)
                    self.assertRaisesRegex(ControlError, "already", control.call, "add-forward", forward=spec)
                    control.call("remove-forward", forward=spec)
        self.assertFalse(os.path.exists(path))
        with socket.create_server(("::1", 8080), family=socket.AF_INET6):
            pass


class Leases(KernelTestCase):
    arguments = None

    def test_options_reach_the_guest(self):
        self.network = self.start(*SHARED, "--mtu", "1400", "--domain", "vm.test", "--lease-time", "600", "--dns", "9.9.9.9",
                                  "--boot-file", 'pxe,1 "a\\b" #c.0')
        lease = self.guest().lease
        self.assertEqual((lease["mtu"], lease["domain"], lease["lease_s"], lease["dns"]), ("1400", "vm.test", "600", "9.9.9.9"))
        self.assertIn('pxe,1 "a\\b" #c.0', (lease.get("boot_file"), lease.get("file")))

    def test_a_name_that_dnsmasq_would_not_take_for_one_is_refused(self):
        for name in ("ignore", "infinite", "15m"):
            self.assertIn(f"name={name}", self.refused(*SHARED, "--reserve", f"{MACS[0]}=192.168.77.10,name={name}"))

    def test_the_gateway_resolves_names_of_guests(self):
        self.network = self.start(*SHARED)
        a, b = self.guest(0, "first"), self.guest(1, "second")
        self.assertEqual(b.python(f"print(lookup({GATEWAY!r}, 'first'))"), a.address)

    def test_names_that_systems_trust_are_no_guests(self):
        self.network = self.start(*SHARED[:6], "--domain", "vm.test", mode="host")  # which asks nobody else
        for index, name in enumerate(("wpad", "WPAD", "isatap.vm.test", "gateway", "localhost.elsewhere", "wpad2", "host")):
            self.guest(index, name)
        last = self.guest(7, "last")
        asked = ("wpad", "wpad.vm.test", "isatap", "isatap.vm.test", "gateway", "host", "host.vm.test")
        found = last.python(f"for name in {asked!r}: print(name, lookup({GATEWAY!r}, name) or 'none')")
        self.assertEqual(found.splitlines(), [f"{name} none" for name in asked])
        self.assertEqual(last.python(f"print(lookup({GATEWAY!r}, 'wpad2'))").rsplit(".", 1)[0], GATEWAY.rsplit(".", 1)[0])

    def test_a_guest_gets_the_same_address_after_a_restart(self):
        state = self.directory.join("state")
        os.mkdir(state, 0o700)
        self.network = self.start("--state-dir", state)
        first = [self.guest(i).address for i in range(2)]
        self.network.stop()
        self.network = self.start("--state-dir", state)
        self.assertEqual([self.guest(i).address for i in (1, 0)], first[::-1])

    def test_a_subnet_once_picked_is_kept(self):
        state = self.directory.join("state")
        os.mkdir(state)
        ns.ip("link", "add", "busy", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "busy", check=False)
        ns.ip("address", "add", "192.168.64.5/24", "dev", "busy")
        self.network = self.start("--state-dir", state)
        self.assertIn(" 192.168.65.1/24", self.network.ready_line)
        self.network.stop()
        ns.ip("link", "del", "busy")
        self.network = self.start("--state-dir", state)
        self.assertIn(" 192.168.65.1/24", self.network.ready_line)

    def test_without_dhcp_nobody_gets_a_lease_but_names_and_prefixes_are_served(self):
        self.network = self.start(*SHARED, "--dhcp", "off")
        guest = self.guest(address=False)
        self.assertTrue(guest.python("print(address6())").startswith("fd77:"))
        self.assertIn("53", ns.run("sh", "-c", "cat /proc/net/udp | grep -i ':0035 ' >/dev/null && echo 53"))
        self.assertNotIn(":0043 ", ns.run("cat", "/proc/net/udp"))

    def test_an_exhausted_pool_is_said_in_the_log(self):
        self.network = self.start("--start-address", "192.168.77.1", "--end-address", "192.168.77.3", "--subnet-mask",
                                  "255.255.255.0")
        self.guest(0)
        self.guest(1)
        late = self.guest(2, address=False)
        late.python("import namespace_guest; namespace_guest.DHCP_S = 3; dhcp()")
        vu.wait_until(lambda: "no address left for a guest" in self.network.stderr(), "a line in the log")


class Ends(KernelTestCase):
    def left(self):
        files = os.listdir("/run/outrigger")
        return [link for link in self.links() if link.startswith("rig")], ns.run("nft", "list", "tables"), files

    def test_nothing_is_left_at_the_end(self):
        self.guest()
        self.assertEqual(setting("ipv4", "up0", "forwarding"), 1)
        self.network.stop()
        self.assertEqual(self.left(), ([], "", []))
        self.assertEqual(setting("ipv4", "up0", "forwarding"), 0)

    def test_after_a_kill_the_next_network_starts_clean(self):
        ns.ip("link", "add", "rig1", "type", "bridge")  # not ours, whatever its name
        self.addCleanup(ns.ip, "link", "del", "rig1")
        self.guest()
        child = dnsmasq_pid(self.network)
        self.network.kill()
        vu.wait_until(lambda: not os.path.exists(f"/proc/{child}"), "dnsmasq ended with us")
        self.assertEqual(ns.run("nft", "list", "tables"), "")
        self.assertIn("rig0", self.links())
        self.network = self.start(*SHARED)
        self.assertIn("removed rig0, left behind", self.network.stderr())
        self.guest()
        self.network.stop()
        self.assertEqual(self.left(), (["rig1"], "", []))

    def kill_while_up0_forwards(self):
        self.guest()
        self.network.kill()
        self.assertEqual((setting("ipv4", "up0", "forwarding"), setting("ipv4", "up1", "forwarding")), (1, 1))

    def test_after_a_kill_the_next_network_stops_what_only_the_dead_one_made_forward(self):
        ns.ip("link", "add", "up1", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "up1")
        self.network.stop()
        set_setting("ipv4", "up1", "forwarding", 1)  # somebody's own wish
        self.network = self.start(*SHARED)
        self.kill_while_up0_forwards()
        network = self.start(name="other", mode="host")
        self.assertIn("up0 does not forward any more (ipv4)", network.stderr())
        self.assertEqual((setting("ipv4", "up0", "forwarding"), setting("ipv4", "up1", "forwarding")), (0, 1))
        if os.path.exists("/proc/sys/net/ipv6/conf/up0/force_forwarding"):  # Linux 6.17
            self.assertEqual(setting("ipv6", "up0", "force_forwarding"), 0)

    def test_after_a_kill_a_host_that_became_a_router_since_stays_one(self):
        ns.ip("link", "add", "up1", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "up1")
        vu.wait_until(lambda: setting("ipv4", "up1", "forwarding") == 1, "the new interface forwards")
        self.kill_while_up0_forwards()
        self.addCleanup(set_setting, "ipv4", "all", "forwarding", 0)
        set_setting("ipv4", "all", "forwarding", 1)
        self.start(name="other", mode="host")
        self.assertEqual((setting("ipv4", "up0", "forwarding"), setting("ipv4", "up1", "forwarding")), (1, 1))

    def test_what_a_network_of_another_namespace_has_recorded_changes_nothing(self):
        ns.ip("link", "add", "up1", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "up1")
        vu.wait_until(lambda: setting("ipv4", "up1", "forwarding") == 1, "the new interface forwards")
        self.kill_while_up0_forwards()
        [record] = glob.glob("/run/outrigger/rig0.*/opened")
        with open(record, encoding="ascii") as file:
            index, rest = file.read().split(" ", 1)
        with open(record, "w", encoding="ascii") as file:
            file.write(f"{int(index) + 1} {rest}")
        self.addCleanup(set_setting, "ipv4", "up0", "forwarding", 0)
        self.start(name="other", mode="host")
        self.assertEqual(setting("ipv4", "up0", "forwarding"), 1)

    def test_a_living_network_is_no_leftover(self):
        guest = self.guest()
        self.start(name="other").stop()
        self.host.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(guest.ask(GATEWAY, PORT), guest.address)

    def test_a_dnsmasq_that_dies_is_started_again(self):
        guest = self.guest()
        first = dnsmasq_pid(self.network)
        os.kill(first, signal.SIGKILL)
        vu.wait_until(lambda: dnsmasq_pid(self.network) not in (None, first), "another dnsmasq")
        self.assertIn("dnsmasq ended (killed by Killed)", self.network.stderr())
        self.assertEqual(guest.dhcp()["address"], guest.address)

    def test_it_ends_when_its_bridge_is_removed(self):
        ns.ip("link", "del", "rig0")
        self.assertEqual(self.network.wait(), 1)
        self.assertIn("somebody removed the network's bridge, rig0", self.network.stderr())
        self.assertEqual(self.left(), ([], "", []))

    def test_a_flushed_ruleset_of_others_leaves_ours(self):
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        guest = self.guest()
        ns.run("nft", "flush", "ruleset")
        self.assertEqual(guest.ask("10.9.0.2", PORT), "10.9.0.1")

    def test_dnsmasq_runs_without_what_it_does_not_need(self):
        with open(f"/proc/{dnsmasq_pid(self.network)}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file.read().splitlines())
        self.assertNotEqual(status["Uid"].split()[0], "0")
        self.assertEqual(int(status["CapPrm"], 16), 1 << 10 | 1 << 12 | 1 << 13)
        self.assertEqual(int(status["NoNewPrivs"]), 1)

    def test_dnsmasq_has_neither_our_descriptors_nor_our_signals(self):
        guest = self.guest()
        pid = dnsmasq_pid(self.network)
        tuns = [os.readlink(f"/proc/{process}/fd/{fd}") for process in (self.network.pid, pid)
                for fd in os.listdir(f"/proc/{process}/fd") if os.path.lexists(f"/proc/{process}/fd/{fd}")]
        self.assertEqual(tuns.count("/dev/net/tun"), 2)  # the keeper and the guest's; both ours
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file.read().splitlines())
        self.assertEqual(int(status["SigBlk"], 16) & (1 << signal.SIGTERM - 1 | 1 << signal.SIGHUP - 1), 0)
        self.assertEqual(os.getsid(pid), pid)  # so a Ctrl-C is for us only
        self.assertIsNotNone(guest.process.pid)


# linux/capability.h
CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID, BIND_SERVICE, NET_ADMIN, NET_RAW, MKNOD = 0, 1, 5, 6, 7, 10, 12, 13, 27


class Privileges(KernelTestCase):
    arguments = None

    def serves(self, network):
        """A guest comes, and dnsmasq is started again, with what is left."""
        self.network = network
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertEqual(self.guest(0).ask("10.9.0.2", PORT), "10.9.0.1")
        first = dnsmasq_pid(network)
        os.kill(first, signal.SIGKILL)
        vu.wait_until(lambda: dnsmasq_pid(network) not in (None, first), "another dnsmasq")
        self.guest(1)

    def let_everybody_make_taps(self):
        """As on Debian, where udev sees to it."""
        os.mknod("/run/tun", 0o666 | stat.S_IFCHR, os.makedev(10, 200))
        os.chmod("/run/tun", 0o666)
        ns.mount("/run/tun", "/dev/net/tun", flags=ns.MS_BIND)
        self.addCleanup(os.unlink, "/run/tun")
        self.addCleanup(ns.umount, "/dev/net/tun")

    def test_root_keeps_what_is_needed_while_it_runs_and_no_program_gets_more(self):
        network = self.start(*SHARED)
        status = status_of(network.pid)
        kept = {CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID, BIND_SERVICE, NET_ADMIN, NET_RAW}
        for name in "CapPrm", "CapEff", "CapBnd":
            self.assertEqual(capabilities(status, name), kept & capabilities(status_of("self"), name), name)
        self.assertEqual((int(status["CapInh"], 16), int(status["CapAmb"], 16), status["NoNewPrivs"]), (0, 0, "1"))
        self.serves(network)

    def test_a_bridged_network_may_make_devices_besides(self):
        ns.ip("link", "add", "br9", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "br9")
        network = fixture.Server([], ["net", "bridged", "--ifname", "br9", "--stream", self.directory.join("ports")])
        self.addCleanup(network.kill)
        self.assertIn(MKNOD, capabilities(status_of(network.pid), "CapPrm"))

    def test_a_user_with_three_ambient_capabilities_serves_and_hands_them_to_dnsmasq_only(self):
        self.let_everybody_make_taps()
        os.chmod(self.directory.path, 0o777)
        path = self.directory.join("ports")
        network = fixture.Server([path], [*unprivileged("net_admin,net_bind_service,net_raw"), "net", "shared", "--network",
                                          "kernel", "--stream", path, *SHARED], shutil.which("setpriv"),
                                 env={**os.environ, "RUNTIME_DIRECTORY": self.directory.join("run")})
        network.path = path
        self.addCleanup(network.kill)
        status = status_of(network.pid)
        self.assertEqual(status["Uid"].split()[0], "65534")
        self.assertEqual(capabilities(status, "CapPrm"), {BIND_SERVICE, NET_ADMIN, NET_RAW})
        self.assertEqual((int(status["CapAmb"], 16), status["NoNewPrivs"]), (0, "1"))
        self.assertEqual(status_of(dnsmasq_pid(network))["Uid"].split()[0], "65534")
        self.serves(network)
        network.stop()
        self.assertEqual([link for link in self.links() if link.startswith("rig")], [])


class Refused(KernelTestCase):
    arguments = None

    def test_a_missing_dnsmasq_is_named_with_its_package(self):
        program = shutil.which("dnsmasq")
        ns.mount("/dev/null", program, flags=ns.MS_BIND)
        self.addCleanup(ns.umount, program)
        said = self.refused()
        self.assertIn("dnsmasq is not installed", said)
        self.assertIn("package dnsmasq-base", said)
        self.assertFalse([link for link in self.links() if link.startswith("rig")])

    def refused_to_nobody(self, *network):
        self.directory.open_to_all = os.chmod(self.directory.path, 0o777)
        process = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", fixture.executable(),
                                  "net", *network, "--stream", self.directory.join("no")],
                                 stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        self.assertEqual(process.returncode, 1, process.stderr)
        for word in ("CAP_NET_ADMIN", "setcap", "AmbientCapabilities="):
            self.assertIn(word, process.stderr)
        return process.stderr

    def test_a_missing_capability_is_named_with_how_to_grant_it(self):
        self.assertIn("--network user", self.refused_to_nobody("shared", "--network", "kernel"))

    def test_who_may_not_bridge_is_not_sent_to_a_kind_that_does_not(self):
        self.assertNotIn("--network user", self.refused_to_nobody("bridged", "--ifname", "lo"))

    def test_each_capability_that_dnsmasq_takes_is_named_if_it_is_missing(self):
        for missing, others in ("bind_service", "admin,net_raw"), ("raw", "admin,net_bind_service"):
            said = self.refused(*SHARED, program=shutil.which("setpriv"),
                                before=unprivileged("net_" + others))
            self.assertIn(f"the capability CAP_NET_{missing.upper()} ", said)

    def assert_nothing_is_left(self):
        self.assertEqual([link for link in self.links() if link.startswith("rig")], [])
        self.assertNotIn("outrigger", ns.run("nft", "list", "tables"))
        self.assertEqual(os.listdir("/run/outrigger") if os.path.exists("/run/outrigger") else [], [])
        self.assertEqual([setting("ipv4", name, "forwarding") for name in ("up0", "all")], [0, 0])

    def test_rules_that_the_kernel_refuses_leave_nothing(self):
        ns.run("nft", "add table inet outrigger_rig0")  # somebody's, without an owner
        said = self.refused(*SHARED)
        ns.run("nft", "delete table inet outrigger_rig0")
        self.assertIn("nftables refused the rules of the network", said)
        self.assert_nothing_is_left()

    def test_a_dnsmasq_that_does_not_start_leaves_nothing(self):
        program = shutil.which("dnsmasq")
        ns.mount(shutil.which("false"), program, flags=ns.MS_BIND)
        self.addCleanup(ns.umount, program)
        self.assertIn("does not start on rig0", self.refused(*SHARED))
        self.assert_nothing_is_left()

    def test_a_port_that_cannot_be_made_leaves_nothing(self):
        self.assertIn("its directory does not exist", self.refused(*SHARED, "--nic", self.directory.join("nowhere/nic")))
        self.assert_nothing_is_left()

    def test_names_that_others_have_are_passed_over_and_stay(self):
        ns.ip("link", "add", "rig0", "type", "bridge")
        self.addCleanup(ns.ip, "link", "del", "rig0", check=False)
        self.network = self.start(*SHARED)
        self.assertIn("rig1", self.links())
        self.guest()
        self.network.stop()
        self.assertEqual([link for link in self.links() if link.startswith("rig")], ["rig0"])

    def test_host_loopback_is_refused_in_words(self):
        self.assertIn("--host-loopback", self.refused("--host-loopback"))


DOCKER = """
table ip filter {
    chain DOCKER-USER { }
    chain INPUT { type filter hook input priority filter; policy accept; }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        counter jump DOCKER-USER
        iifname "docker0" counter accept
    }
}"""
FIREWALLD = """
table inet firewalld {
    chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        ct state { established, related } accept
        iifname { "lo", "up0" } accept
        reject with icmpx admin-prohibited
    }
    chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        reject with icmpx admin-prohibited
    }
}"""
SHOWN = "/proc/sys/net/bridge/bridge-nf-call-iptables"  # with br_netfilter only


class Firewalls(KernelTestCase):
    """Others' rules beside ours. What docs/networks.md says helps."""
    arguments = None

    def add(self, rules, table):
        with open(self.directory.join("rules"), "w", encoding="ascii") as file:
            file.write(rules)
        ns.run("nft", "-f", self.directory.join("rules"))
        self.addCleanup(ns.run, "nft", "delete", "table", *table)
        self.outside.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.network = self.start(*SHARED)

    def show_frames_of_bridges(self, value):
        """To rules for what is forwarded. Return: False where the kernel cannot"""
        def write(text):
            with open(SHOWN, "w", encoding="ascii") as file:
                file.write(text)
        if not os.path.exists(SHOWN):
            return False
        with open(SHOWN, encoding="ascii") as file:
            self.addCleanup(write, file.read())
        write(str(value))
        return True

    def test_docker_keeps_guests_from_the_outside_until_it_is_told(self):
        self.add(DOCKER, ("ip", "filter"))
        self.assertIn("nftables: ip filter FORWARD)", self.network.stderr())
        a, b = self.guest(0), self.guest(1)
        self.assertFalse(a.reaches("10.9.0.2", PORT))
        b.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.show_frames_of_bridges(0)
        self.assertEqual(a.ask(b.address, PORT), a.address)  # the bridge asks nobody
        for way in "iifname", "oifname":
            ns.run("nft", "insert", "rule", "ip", "filter", "DOCKER-USER", way, "rig0", "accept")
        self.assertEqual(a.ask("10.9.0.2", PORT), "10.9.0.1")

    def test_docker_keeps_guests_from_each_other_where_frames_of_bridges_are_shown_to_it(self):
        if not self.show_frames_of_bridges(1):
            self.skipTest("needs br_netfilter in the kernel")
        self.add(DOCKER, ("ip", "filter"))
        self.assertIn("ip filter FORWARD), between guests as well (br_netfilter)", self.network.stderr())
        a, b = self.guest(0), self.guest(1)
        b.serve("answer", "tcp", "0.0.0.0", str(PORT))
        self.assertFalse(a.reaches(b.address, PORT))
        ns.run("nft", "insert", "rule", "ip", "filter", "DOCKER-USER", "iifname", "rig0", "accept")
        self.assertEqual(a.ask(b.address, PORT), a.address)

    def test_firewalld_keeps_guests_from_their_leases_until_it_is_told(self):
        self.add(FIREWALLD, ("inet", "firewalld"))
        self.assertIn("nftables: inet firewalld filter_INPUT, inet firewalld filter_FORWARD)", self.network.stderr())
        for chain in "filter_INPUT", "filter_FORWARD":  # as --zone=trusted --add-interface=rig0 does
            ns.run("nft", "insert", "rule", "inet", "firewalld", chain, "iifname", "rig0", "accept")
        self.assertEqual(self.guest().ask("10.9.0.2", PORT), "10.9.0.1")

    def test_a_firewall_that_lets_everything_through_is_not_mentioned(self):
        self.add(FIREWALLD.replace("reject with icmpx admin-prohibited", "counter"), ("inet", "firewalld"))
        self.assertNotIn("firewall", self.network.stderr())


if __name__ == "__main__":
    unittest.main()
