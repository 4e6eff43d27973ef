#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""--exit-when-idle: a network that ends when nobody needs it any more."""
import os
import select
import socket
import unittest

import fixture
import vfio_user_client as vu
from control_client import Control
from stream_client import StreamClient


class Idle(unittest.TestCase):
    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)
        self.control_path = self.directory.join("control")
        self.stream_path = self.directory.join("stream")

    def start(self, seconds="0"):
        server = fixture.Server([self.control_path, self.stream_path],
                                ["net", "host", "--control", self.control_path, "--stream", self.stream_path,
                                 "--exit-when-idle", seconds])
        self.addCleanup(server.kill)
        return server

    def assert_ends(self, server):
        self.assertEqual(server.wait(), 0, server)
        server.stop()

    def test_it_ends_when_the_last_control_connection_does(self):
        server = self.start()
        with Control(self.control_path) as control:
            control.call("status")
            with Control(self.control_path):
                pass
            control.call("status")
            self.assertTrue(server.alive())
        self.assert_ends(server)

    def test_it_ends_when_the_last_guest_leaves(self):
        server = self.start()
        first, second = StreamClient(self.stream_path), StreamClient(self.stream_path)
        with Control(self.control_path) as control:
            vu.wait_until(lambda: control.call("status")["ports_up"] == 2, "two guests")
            first.close()
            vu.wait_until(lambda: control.call("status")["ports_up"] == 1, "one guest")
        self.assertTrue(server.alive())
        second.close()
        self.assert_ends(server)

    def test_a_port_that_came_as_an_fd_holds_it_until_its_peer_hangs_up(self):
        server = self.start()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with Control(self.control_path) as control:
                control.call("add-port", [theirs.fileno()], kind="nic", name="passed")
                theirs.close()
                client = vu.Client(None, fd=ours)
                self.addCleanup(client.close)
                client.handshake()
                vu.wait_until(lambda: control.call("status")["ports_up"] == 1, "the port is up")
            client.round_trip()
            client.close()
        self.assert_ends(server)

    def test_it_waits_for_the_first_to_come(self):
        server = self.start()
        self.assertEqual(select.select([server.process.stdout], [], [], 0.2)[0], [], "it has not ended")
        with Control(self.control_path):
            pass
        self.assert_ends(server)

    def test_it_ends_when_nobody_ever_comes(self):
        self.assert_ends(self.start())

    def test_who_comes_in_time_keeps_it(self):
        server = self.start("2")
        for _ in range(3):
            with Control(self.control_path) as control:
                control.call("status")
        with Control(self.control_path):
            self.assertEqual(select.select([server.process.stdout], [], [], 2.5)[0], [], "it has not ended")
        self.assert_ends(server)

    def test_in_the_background_it_is_ready_when_the_command_ends(self):
        process = fixture.Process(["net", "host", "--control", self.control_path, "--exit-when-idle", "0", "--background"])
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(), 0, process)
        with Control(self.control_path) as control:
            control.call("status")
            self.assertIn("outrigger: ready: ", process.read_line())
            self.assertEqual(process.read_line(), "", "nobody writes there any more")
        vu.wait_until(lambda: not os.path.lexists(self.control_path), "it has ended")

    def test_in_the_background_it_fails_as_without(self):
        process = fixture.Process(["net", "host", "--control", "/nowhere/control", "--background"])
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(), 1)
        self.assertIn("its directory does not exist", process.stderr())

    def test_without_the_option_it_stays(self):
        server = fixture.Server([self.control_path], ["net", "host", "--control", self.control_path])
        self.addCleanup(server.kill)
        with Control(self.control_path):
            pass
        self.assertEqual(select.select([server.process.stdout], [], [], 0.5)[0], [], "it has not ended")
        server.stop()


if __name__ == "__main__":
    unittest.main()
