#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A configuration file that is read again while the network runs: by SIGHUP, by the control socket."""
import os
import re
import signal
import socket
import time
import unittest

import fixture
import vfio_user_client as vu
from control_client import Control, ControlError, StreamGuest

ALWAYS = """mode host
start-address 192.168.77.1
end-address 192.168.77.99
subnet-mask 255.255.255.0
control {dir}/control
nic {dir}/nic0
"""


class Reload(unittest.TestCase):
    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)
        self.path = self.directory.join("net.conf")
        self.reloads = 0

    def write(self, more="", always=ALWAYS):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write((always + more).format(dir=self.directory.path))

    def start(self, more="", arguments=(), **popen):
        self.write(more)
        self.server = fixture.Server([self.directory.join("control"), self.directory.join("nic0")],
                                     ["net", "--config", self.path, *arguments], **popen)
        self.addCleanup(self.server.kill)
        self.control = Control(self.directory.join("control"))
        self.addCleanup(self.control.close)

    def stop(self):
        self.control.close()
        self.server.stop()

    def reload(self, more="", always=ALWAYS):
        """What was refused."""
        self.write(more, always)
        return self.control.call("reload")["refused"]

    def hang_up(self):
        """By signal, until it says that it is done."""
        before = len(re.findall(r"reloaded|nothing has changed", self.server.stderr()))
        self.server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + vu.DEADLINE
        while len(re.findall(r"reloaded|nothing has changed", self.server.stderr())) == before:
            self.assertLess(time.monotonic(), end)

    def ports(self):
        return [socket["name"] for socket in self.control.call("ports")["sockets"]]

    def forwards(self):
        return sorted(each["forward"] for each in self.control.call("forwards")["forwards"])

    def reserved(self):
        return sorted((each["mac"], each["address"]) for each in self.control.call("leases")["leases"] if each["reserved"])

    def guest(self):
        """One on the stream socket a, once it is a port."""
        guest = StreamGuest(self.directory.join("a"))
        self.addCleanup(guest.close)
        while not self.control.port("a"):
            pass
        return guest

    def test_differences_are_applied_on_a_signal(self):
        self.start("stream {dir}/a\nforward tcp:127.0.0.1:8081-a:80\nreserve 02:00:00:00:00:0a=192.168.77.10\n")
        self.assertEqual(self.ports(), ["nic0", "a"])
        self.write("dgram {dir}/b\nforward tcp:127.0.0.1:8082-b:80\nreserve 02:00:00:00:00:0b=192.168.77.11\n")
        self.hang_up()
        self.assertEqual(self.ports(), ["nic0", "b"])
        self.assertEqual(self.forwards(), ["tcp:127.0.0.1:8082-b:80"])
        self.assertEqual(self.reserved(), [("02:00:00:00:00:0b", "192.168.77.11")])
        self.assertFalse(os.path.lexists(self.directory.join("a")))
        self.assertTrue(os.path.lexists(self.directory.join("b")))
        self.stop()

    def test_same_file_changes_nothing_and_disturbs_no_guest(self):
        more = "stream {dir}/a,rate=8mbit\nforward tcp:127.0.0.1:8081-a:80\nreserve 02:00:00:00:00:0a=192.168.77.10\n"
        self.start(more)
        self.guest()
        nic = vu.connect_when_free(self.directory.join("nic0"))
        self.addCleanup(nic.close)
        while not self.control.port("nic0")["connected"]:
            pass
        before = self.control.call("ports"), self.forwards(), self.reserved()
        for _ in range(3):
            self.assertEqual(self.reload(more), [])
        self.assertEqual((self.control.call("ports"), self.forwards(), self.reserved()), before)
        self.stop()

    def test_limits_change_without_a_guest_noticing(self):
        self.start("stream {dir}/a,rate=8mbit\n")
        self.guest()
        self.assertEqual(self.reload("stream {dir}/a,rate=16mbit\n"), [])
        port = self.control.port("a")
        self.assertEqual((port["connected"], port["limits"]),
                         (True, {"rate_to_guest": 16000000, "rate_from_guest": 16000000}))
        self.stop()

    def test_port_that_is_otherwise_made_anew(self):
        self.start("stream {dir}/a\n")
        guest = self.guest()
        self.assertEqual(self.reload("stream {dir}/a,isolated=on\n"), [])
        with self.assertRaises(EOFError):
            guest.exactly(1)
        StreamGuest(self.directory.join("a")).close()
        self.stop()

    def test_file_that_is_wrong_changes_nothing(self):
        self.start("stream {dir}/a\n")
        for more, holds in (("stream {dir}/b\nmtu x\n", "net.conf:8:5: --mtu x"), ("nic {dir}/nic0\n", "--nic"),
                            ("stream {dir}/b\nbogus\n", "net.conf:8:1: --bogus: unknown option")):
            self.write(more)
            with self.assertRaises(ControlError) as caught:
                self.control.call("reload")
            self.assertEqual(caught.exception.code, "invalid")
            self.assertIn(holds, caught.exception.message)
            self.hang_up()
            self.assertIn(holds, self.server.stderr())
            self.assertIn("reload: nothing has changed", self.server.stderr())
            self.assertEqual(self.ports(), ["nic0", "a"])
        os.unlink(self.path)
        with self.assertRaises(ControlError) as caught:
            self.control.call("reload")
        self.assertIn("No such file", caught.exception.message)
        self.stop()

    def test_what_cannot_change_is_named_and_the_rest_applied(self):
        self.start("mtu 1400\n")
        always = ALWAYS.replace("192.168.77.99", "192.168.77.88")
        refused = self.reload("mtu 1300\nstream {dir}/a\nisolated\n", always)
        self.assertEqual(sorted(each.split(":")[0] for each in refused), ["--end-address", "--isolated", "--mtu"])
        for each in refused:
            self.assertIn("cannot change while the network runs", each)
            self.assertIn(each, self.server.stderr())
        status = self.control.call("status")
        self.assertEqual((status["mtu"], status["isolated"], status["end_address"]), (1400, False, "192.168.77.99"))
        self.assertEqual(self.ports(), ["nic0", "a"])
        self.assertFalse(self.control.port("nic0")["isolated"])
        # said again as long as it is so, and no more once it is not
        self.assertEqual(len(self.reload("mtu 1300\n", always)), 2)
        self.assertEqual(self.reload("mtu 1400\n"), [])
        self.stop()

    def test_what_fails_is_tried_again_the_next_time(self):
        self.start()
        nowhere = self.directory.join("sub")
        refused = self.reload("stream {dir}/sub/a\nstream {dir}/b\n")
        self.assertEqual(len(refused), 1)
        self.assertIn("its directory does not exist", refused[0])
        self.assertEqual(self.ports(), ["nic0", "b"])
        os.mkdir(nowhere)
        self.assertEqual(self.reload("stream {dir}/sub/a\nstream {dir}/b\n"), [])
        self.assertEqual(sorted(self.ports()), ["a", "b", "nic0"])
        self.stop()

    def test_what_the_control_socket_added_stays_and_what_it_removed_comes_back(self):
        more = "stream {dir}/a\nforward tcp:127.0.0.1:8081-a:80\n"
        self.start(more)
        self.control.call("add-port", kind="stream", path=self.directory.join("own"))
        self.control.call("add-forward", forward="tcp:127.0.0.1:8089-own:80")
        self.control.call("remove-port", port="a")
        self.control.call("remove-forward", forward="tcp:127.0.0.1:8081-a:80")
        self.assertEqual(self.reload(more), [])
        self.assertEqual(sorted(self.ports()), ["a", "nic0", "own"])
        self.assertEqual(self.forwards(), ["tcp:127.0.0.1:8081-a:80", "tcp:127.0.0.1:8089-own:80"])
        self.stop()

    def test_command_line_counts_as_at_the_start(self):
        self.start("log-level error\n", ("--mtu", "1400", "--stream", self.directory.join("cli")))
        self.assertEqual(self.reload("stream {dir}/a\n"), [])
        self.assertEqual(sorted(self.ports()), ["a", "cli", "nic0"])
        self.assertEqual(self.control.call("status")["mtu"], 1400)
        self.stop()

    def test_inherited_socket_survives_a_reload(self):
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                fd = theirs.fileno()
                self.start("", ("--fd", str(fd)), pass_fds=[fd])
            while not self.control.port(f"fd{fd}"):
                pass
            self.assertEqual(self.reload("stream {dir}/a\n"), [])
            self.assertTrue(self.control.port(f"fd{fd}")["connected"])
            # a new one cannot come
            refused = self.reload("stream fd=99,name=late\n")
            self.assertEqual(len(refused), 1)
            self.assertIn("inherits nothing", refused[0])
        self.stop()

    def test_log_level_changes(self):
        self.start("log-level error\n")
        self.assertEqual(self.reload("log-level info\n"), [])
        self.hang_up()
        self.stop()

    def test_service_manager_is_told(self):
        name = self.directory.join("notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        manager.settimeout(vu.DEADLINE)
        self.start(env={**os.environ, "NOTIFY_SOCKET": name})
        self.assertEqual(manager.recv(100), b"READY=1")
        for more in ("", "mtu x\n"):
            self.write(more)
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.server.process.send_signal(signal.SIGHUP)
            state = manager.recv(100).decode()
            match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", state)
            self.assertTrue(match, state)
            self.assertLessEqual(before, int(match[1]))
            self.assertLessEqual(int(match[1]), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            self.assertEqual(manager.recv(100), b"READY=1")
        self.stop()

    def test_without_a_file_there_is_nothing_to_read_again(self):
        path = self.directory.join("control")
        # Whoever started the tests may ignore it (nohup), and that is inherited.
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))
        server = fixture.Server([path], ["net", "host", "--control", path])
        self.addCleanup(server.kill)
        with Control(path) as control:
            with self.assertRaises(ControlError) as caught:
                control.call("reload")
        self.assertEqual(caught.exception.code, "unsupported")
        self.assertIn("--config", caught.exception.message)
        server.process.send_signal(signal.SIGHUP)
        self.assertEqual(server.wait(), -signal.SIGHUP)


if __name__ == "__main__":
    unittest.main()
