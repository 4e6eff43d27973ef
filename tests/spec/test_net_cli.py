#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What `outrigger net` says, to users and to a service manager, and how little it does when idle.

Sockets and their paths: test_sockets.py. Each option's rules: tests/unit/test_net_options.c.
"""
import os
import signal
import socket
import subprocess
import time
import unittest

import fixture
import vfio_user_client as vu


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
                           "--isolated", "--mtu", "--log-level"):
                self.assertIn(option, result.stdout)

    def test_a_wrong_command_line_ends_with_2_and_one_line(self):
        for arguments in ([], ["bridged"], ["shared"], ["shared", "--nic"], ["shared", "--bogus"],
                          ["host", "--nic", "/x", "--nat66-prefix", "fd00::"],
                          ["shared", "--nic", "/x", "--start-address", "10.0.0.1"],
                          ["shared", "--nic", "/x", "--mac", "01:00:00:00:00:00"],
                          ["shared", "--nic", "/x", "--mtu", "x"]):
            result = self.run_to_end(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
            self.assertTrue(result.stderr.startswith("outrigger: error: net: "), result.stderr)

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
