#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What `outrigger net` says, to users and to a service manager, and how little it does when idle.

Sockets and their paths: test_sockets.py. Each option's rules: tests/unit/test_net_options.c.
"""
import os
import re
import signal
import socket
import subprocess
import time
import unittest

import fixture
import vfio_user_client as vu


# A command line, how its error begins, what it holds.
BAD = (
    ("", "the mode is missing", "shared|host|bridged"),
    ("nat", "--mode nat: unknown mode", "shared, host or bridged"),
    ("shared", "--nic: none given", "--control"),
    ("shared --nic", "--nic: its value is missing", "--help"),
    ("shared --bogus x", "--bogus: unknown option", "--help"),
    ("shared --nic /x --isolate", "--isolate: unknown option", "did you mean --isolated?"),
    ("shared --nic /x -v", "-v: unknown option", "--help"),
    ("shared --nic /x extra", "extra: unexpected argument", "--help"),
    ("shared --nic /x --check=yes", "--check: takes no value", "leave out"),
    ("shared --config", "--config: give the path", ""),
    ("--config /x --config /y", "--config /y: given already", "one file"),
    ("host --nic /x --nat66-prefix fd00::", "--nat66-prefix fd00::: a host network has no NAT66", "shared"),
    ("shared --nic /x --start-address 10.0.0.1", "--end-address --subnet-mask not given", "all three or none"),
    ("shared --nic /x --start-address 8.8.8.1 --end-address 8.8.8.9 --subnet-mask 255.255.255.0",
     "--start-address 8.8.8.1", "not a private one"),
    ("shared --nic /x --start-address 10.0.0.9 --end-address 10.0.0.1 --subnet-mask 255.255.255.0",
     "--end-address 10.0.0.1: not after", ""),
    ("shared --nic /x --start-address 10.0.0.1 --end-address 10.0.1.9 --subnet-mask 255.255.255.0",
     "--end-address 10.0.1.9: not in the subnet", ""),
    ("shared --nic /x --mac 01:00:00:00:00:00", "--mac 01:00:00:00:00:00: no address of a single card", "even"),
    ("shared --nic /x --mtu x", "--mtu x: not a number", "68 to 65521"),
    ("shared --nic /x --nic /y/x", "--nic /y/x: its name is x, like that of --nic /x", "name="),
    ("shared --nic /x,mac=02:00:00:00:00:01 --nic /y,mac=02:00:00:00:00:01", "--nic /x: --nic /y has the same MAC",
     "its own"),
    ("shared --nic /x,speed=1", "--nic /x,speed=1: speed=: unknown", "rate"),
    ("shared --nic /x --ifname br0", "--ifname br0: a shared network", "bridged"),
    ("shared --nic /x --net-uuid 2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b", "--net-uuid: a shared network", "host"),
    ("bridged --nic /x", "--ifname: missing", "--ifname br0"),
    ("bridged --ifname br0 --network user --nic /x", "--network user: cannot bridge", "leave it out"),
    ("bridged --ifname br0 --nic /x --dns 9.9.9.9", "--dns 9.9.9.9: a bridged network", "leave it out"),
    ("bridged --ifname br0 --nic /x --forward tcp:1-x:1", "--forward tcp:0.0.0.0:1-x:1: guests of a bridged", ""),
    ("shared --nic /x --reserve 02:00:00:00:00:01=10.0.0.1", "--reserve 02:00:00:00:00:01=10.0.0.1: 10.0.0.1 is no",
     "the subnet 192.168.64.0 with mask 255.255.255.0"),
    ("shared --nic /x --dhcp off --reserve 02:00:00:00:00:01=192.168.64.9", "--reserve 02:00:00:00:00:01", "--dhcp off"),
    ("shared --nic /x --forward tcp:1-x:1 --forward tcp:1-y:1", "--forward tcp:0.0.0.0:1-y:1", "same host's side"),
    ("shared --nic /x --forward 1-x:1", "--forward 1-x:1: no forward", "PROTOCOL:HOST-GUEST:PORT"),
    ("shared --stream fd=99999,mode=0600,group=0", "--stream fd=99999,mode=0600,group=0: mode= and group=", "fd="),
    ("shared --stream fd=99999,mode=0600", "--stream fd=99999,mode=0600: mode= and group=", "fd="),
    ("shared --fd 99999", "--fd 99999: not open; ", "99999"),
)


class NetCli(unittest.TestCase):
    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)

    def run_to_end(self, *arguments):
        return subprocess.run([fixture.executable(), "net", *arguments], capture_output=True, text=True,
                              timeout=vu.DEADLINE, check=False)

    def start(self, *arguments, **more):
        server = fixture.Outrigger(self.directory, *arguments, **more)
        self.addCleanup(server.kill)
        return server

    def test_help_goes_to_stdout_and_is_no_error(self):
        for arguments in (["--help"], ["shared", "--help"], ["host", "--nic", "/x", "--help"]):
            result = self.run_to_end(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for option in ("--nic", "--mac", "--start-address", "--end-address", "--subnet-mask", "--nat66-prefix",
                           "--isolated", "--mtu", "--log-level", "--forward", "--config", "--check"):
                self.assertIn(option, result.stdout)

    def test_help_fits_into_100_columns(self):
        for line in self.run_to_end("--help").stdout.splitlines():
            self.assertLessEqual(len(line), 100, line)

    def test_manual_has_every_option(self):
        root = os.path.join(fixture.HERE, "../..")
        with open(os.path.join(root, "docs/outrigger.1"), encoding="utf-8") as page:
            manual = page.read()
        with open(os.path.join(root, "docs/outrigger.conf.5"), encoding="utf-8") as page:
            conf = page.read()
        for option in re.findall(r"^  --([a-z0-9-]+)", self.run_to_end("--help").stdout, re.M):
            self.assertIn(f"Fl -{option}", manual)
            if option not in ("config", "check", "background", "help"):
                self.assertRegex(conf, rf"(?m)\bCm {option}\b")

    def test_a_wrong_command_line_ends_with_2_and_says_what_would_be_right(self):
        for words, begins, holds in BAD:
            result = self.run_to_end(*words.split())
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
            self.assertTrue(result.stderr.startswith(f"outrigger: error: net: {begins}"), result.stderr)
            self.assertIn(holds, result.stderr)

    def write(self, text, name="net.conf"):
        path = self.directory.join(name)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def test_check_of_a_good_file_says_so_and_makes_nothing(self):
        nic = self.directory.join("nic")
        path = self.write(f"mode shared\nnic {nic}\n")
        result = self.run_to_end("--config", path, "--check")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, f"{path}: ok\n", ""))
        self.assertFalse(os.path.lexists(nic))
        result = self.run_to_end("shared", "--nic", nic, "--check")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "command line: ok\n", ""))

    def test_check_of_a_bad_file_says_where_and_ends_with_2(self):
        path = self.write("mode shared\n  mtu x\n")
        for more in ([], ["--check"], ["host", "--nic", "/x"]):
            result = self.run_to_end(*more, f"--config={path}")
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr, f"outrigger: error: net: {path}:2:7: --mtu x: not a number of bytes "
                             "from 68 to 65521\n")

    def test_a_file_that_cannot_be_read_ends_with_2(self):
        for path, holds in ((self.directory.path, "is a directory"),
                            (self.directory.join("none"), "No such file or directory"),
                            (self.write(b"mode shared\0", "nul"), "control character (0x00)"),
                            (self.write(b"# \xff\n", "latin"), "byte 0xff is not UTF-8"),
                            (self.write("#" * 5000, "wide"), "longer than 4096 bytes"),
                            (self.write("\n" * 5000000, "long"), "longer than 4 MiB")):
            result = self.run_to_end("--config", path, "--check")
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(holds, result.stderr)

    def test_what_a_file_says_is_served_and_the_command_line_wins(self):
        nic = self.directory.join("nic")
        path = self.write(f"mode shared\nstart-address 10.9.0.1\nend-address 10.9.0.9\n"
                          f"subnet-mask 255.255.255.0\nnic \"{nic}\" # ours\n")
        for more, ready in (([], "shared network 10.9.0.1/24, 1 NIC"),
                            (["--start-address", "10.9.0.2", "--mode=host"], "host network 10.9.0.2/24, 1 NIC")):
            server = fixture.Server([nic], ["net", "--config", path, *more])
            self.addCleanup(server.kill)
            self.assertEqual(server.ready_line, f"outrigger: ready: {ready}")
            server.stop()

    def test_the_example_is_good(self):
        path = os.path.join(fixture.HERE, "../../examples/outrigger.conf")
        result = self.run_to_end("--config", path, "--check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_what_fails_at_run_time_ends_with_1(self):
        result = self.run_to_end("shared", "--nic", self.directory.join("nowhere/nic"))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("its directory does not exist", result.stderr)

    def test_it_works_without_standard_fds(self):
        path = self.directory.join("nic")
        process = subprocess.Popen(["sh", "-c", 'exec "$0" net host --nic "$1" <&- >&- 2>&-', fixture.executable(), path])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + vu.DEADLINE
        with socket.socket(socket.AF_UNIX) as client:
            while client.connect_ex(path) != 0:
                self.assertLess(time.monotonic(), deadline)
                self.assertIsNone(process.poll())
                os.sched_yield()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(vu.DEADLINE), 0)

    def test_ready_line_says_what_is_served(self):
        shared = self.start(nics=1, mode="shared")
        self.assertEqual(shared.ready_line, "outrigger: ready: shared network 192.168.64.1/24, 1 NIC")
        shared.stop()
        host = self.start(nics=3, mode="host", arguments=("--start-address", "10.9.0.1", "--end-address",
                                                          "10.9.3.254", "--subnet-mask", "255.255.252.0"))
        self.assertEqual(host.ready_line, "outrigger: ready: host network 10.9.0.1/22, 3 NICs")
        host.stop()

    def notified(self, name):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        manager.settimeout(vu.DEADLINE)
        shown = name.replace("\0", "@")
        server = self.start(nics=1, env={**os.environ, "NOTIFY_SOCKET": shown})
        self.assertEqual(manager.recv(100), b"READY=1")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(manager.recv(100), b"STOPPING=1")
        self.assertEqual(server.wait(), 0)

    def test_service_manager_is_told_at_a_path(self):
        self.notified(self.directory.join("notify"))

    def test_service_manager_is_told_at_an_abstract_name(self):
        self.notified(f"\0outrigger-test-{os.getpid()}")

    def test_wrong_notify_socket_is_reported_and_no_reason_to_stop(self):
        server = self.start(nics=1, env={**os.environ, "NOTIFY_SOCKET": "nowhere"})
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertIn("NOTIFY_SOCKET", server.stderr())

    def test_guests_coming_and_going_are_logged(self):
        server = self.start(nics=1)
        client = vu.connect_when_free(server.paths[0])
        client.close()
        end = time.monotonic() + vu.DEADLINE
        while "VMM gone" not in server.stderr() and time.monotonic() < end:
            time.sleep(0.01)
        lines = server.stderr().splitlines()
        self.assertEqual(lines[0], "outrigger: nic nic0: VMM connected")
        self.assertTrue(lines[1].startswith("outrigger: nic nic0: VMM gone: "), lines)
        server.stop()

    def test_at_level_error_they_are_not(self):
        server = self.start(nics=1, arguments=("--log-level", "error"))
        client = vu.connect_when_free(server.paths[0])
        client.close()
        vu.connect_when_free(server.paths[0]).close()
        server.stop()
        self.assertEqual(server.stderr(), "")

    def switches(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)

    def test_idle_process_is_not_woken(self):
        # neither without a VMM nor with one that does nothing
        server = self.start(nics=2, mode="shared")
        client = vu.connect_when_free(server.paths[0])
        time.sleep(0.5)
        before = self.switches(server.pid)
        time.sleep(2)
        self.assertLessEqual(self.switches(server.pid) - before, 1)
        client.close()
        time.sleep(0.5)
        before = self.switches(server.pid)
        time.sleep(2)
        self.assertLessEqual(self.switches(server.pid) - before, 1)
        server.stop()


if __name__ == "__main__":
    unittest.main()
