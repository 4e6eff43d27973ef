# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger net` and its sockets: paths that are taken, stale, impossible; and the end (checklist rule 105).

Left out:
  105  `--socket-path` and `--fd`: options of single-device backends; `outrigger net` has `--nic PATH` instead.
"""
import ctypes
import os
import signal
import socket
import stat
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
from fixture import Directory, Outrigger, Process, sanitizer_report

CAP_DAC_OVERRIDE = 1
PR_CAPBSET_DROP = 24


def without_override():
    """In the child: file permissions count for root, too."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


class SocketTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)

    def serve(self, nics=1, **arguments):
        server = Outrigger(self.directory, nics, **arguments)
        self.addCleanup(server.kill)
        return server

    def refused(self, *arguments, mode="host", **popen):
        """Starting must fail with a message, which is returned."""
        process = Process(["net", mode, *arguments], **popen)
        try:
            status = process.wait()
            text = process.stderr()
            self.assertIsNone(sanitizer_report(text))
            self.assertGreater(status, 0, process)
            self.assertLess(status, 128, process)
            self.assertTrue(text.strip(), "it failed without a word")
            self.assertEqual(process.read_line(), "", "it said that it is ready")
            return text
        finally:
            process.kill()

    def assert_served(self, path):
        with vu.connect_when_free(path) as client:
            client.round_trip()


class Paths(SocketTestCase):
    def test_ready_line_comes_when_every_socket_is_there(self):
        server = self.serve(nics=3)
        self.assertTrue(server.ready_line.startswith("outrigger: ready"), server.ready_line)
        for path in server.paths:
            self.assert_served(path)
        self.assertEqual(sanitizer_report(server.stderr()), None)
        server.stop()

    def test_socket_is_for_its_owner_only(self):
        server = self.serve()
        mode = os.stat(server.paths[0]).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_path_in_use_by_a_live_server_is_refused(self):
        server = self.serve()
        path = server.paths[0]
        before = os.lstat(path)
        with vu.connect_when_free(path) as client:
            self.assertIn(path, self.refused("--nic", path))
            client.round_trip()
        self.assertEqual(os.lstat(path).st_ino, before.st_ino)
        self.assertIn(path, self.refused("--nic", path))
        self.assert_served(path)
        server.stop()

    def test_path_in_use_by_another_program_is_refused(self):
        path = self.directory.join("other")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(path)
            other.listen(5)
            self.assertIn(path, self.refused("--nic", path))
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.connect(path)

    def test_stale_socket_is_taken_over(self):
        path = self.directory.join("nic0")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
            stale.bind(path)
        server = self.serve()
        self.assertEqual(server.paths, [path])
        self.assert_served(path)
        server.stop()

    def test_socket_of_a_killed_server_is_taken_over(self):
        first = self.serve(nics=2)
        first.process.kill()
        first.wait()
        self.assertTrue(os.path.exists(first.paths[0]))
        second = self.serve(nics=2)
        for path in second.paths:
            self.assert_served(path)
        second.stop()

    def test_of_two_servers_started_at_once_one_serves(self):
        for _ in range(5):
            path = self.directory.join("nic0")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
                stale.bind(path)
            rivals = [Process(["net", "host", "--nic", path]) for _ in range(3)]
            try:
                ready = [rival for rival in rivals if rival.read_line()]
                self.assertEqual(len(ready), 1, "\n".join(map(str, rivals)))
                for rival in rivals:
                    if rival not in ready:
                        self.assertGreater(rival.wait(), 0)
                self.assert_served(path)
                ready[0].process.send_signal(signal.SIGTERM)
                self.assertEqual(ready[0].wait(), 0)
            finally:
                for rival in rivals:
                    rival.kill()
            self.assertFalse(os.path.lexists(path))

    def test_missing_directory_is_refused(self):
        path = self.directory.join("missing/nic")
        self.assertIn(path, self.refused("--nic", path))

    def test_directory_without_permission_is_refused(self):
        closed = self.directory.join("closed")
        os.mkdir(closed, 0o555)
        path = os.path.join(closed, "nic")
        self.assertIn(path, self.refused("--nic", path, preexec_fn=without_override))

    def test_directory_in_place_of_a_socket_is_refused(self):
        path = self.directory.join("directory")
        os.mkdir(path)
        self.assertIn(path, self.refused("--nic", path))
        self.assertTrue(os.path.isdir(path))

    def test_longest_path_is_served(self):
        path = self.directory.join("")
        path += "x" * (107 - len(path))
        process = Process(["net", "host", "--nic", path])
        try:
            self.assertTrue(process.read_line())
            self.assert_served(path)
            process.process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(), 0)
            self.assertFalse(os.path.lexists(path))
        finally:
            process.kill()

    def test_path_longer_than_107_bytes_is_refused(self):
        for length in (108, 109, 200, 5000):
            path = self.directory.join("")
            path += "x" * (length - len(path))
            self.assertIn("107", self.refused("--nic", path))
        self.assertEqual(os.listdir(self.directory.path), [])

    def test_empty_path_is_refused(self):
        self.refused("--nic", "")

    def test_regular_file_in_the_way_is_untouched(self):
        path = self.directory.join("file")
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        self.assertIn(path, self.refused("--nic", path))
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_other_things_in_the_way_are_untouched(self):
        target, link, fifo = (self.directory.join(name) for name in ("target", "link", "fifo"))
        with open(target, "w", encoding="utf-8") as file:
            file.write("precious")
        os.symlink(target, link)
        os.mkfifo(fifo)
        for path in (link, fifo):
            self.assertIn(path, self.refused("--nic", path))
        self.assertTrue(os.path.islink(link))
        self.assertTrue(stat.S_ISFIFO(os.lstat(fifo).st_mode))
        with open(target, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_datagram_socket_in_the_way_has_a_defined_outcome(self):
        path = self.directory.join("datagram")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(path)
            self.assertIn(path, self.refused("--nic", path))
            self.assertTrue(os.path.exists(path))

    def test_two_nics_with_the_same_path_are_refused(self):
        path = self.directory.join("nic")
        self.assertIn(path, self.refused("--nic", path, "--nic", path))
        self.refused("--nic", path, "--nic", self.directory.join("./nic"))
        self.assertEqual(os.listdir(self.directory.path), [])

    def test_second_nic_that_fails_leaves_nothing_of_the_first(self):
        good, bad = self.directory.join("good"), self.directory.join("missing/nic")
        self.refused("--nic", good, "--nic", bad)
        self.assertEqual(os.listdir(self.directory.path), [])

    def test_stderr_is_silent_while_all_is_well(self):
        server = self.serve()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.stderr(), "")


class CommandLine(SocketTestCase):
    def wrong(self, *arguments):
        text = self.refused("--nic", self.directory.join("nic"), *arguments)
        self.assertEqual(os.listdir(self.directory.path), [])
        return text

    def test_unknown_options_are_refused(self):
        self.assertIn("--no-such-option", self.wrong("--no-such-option"))
        self.wrong("stray")
        self.refused("--nic", self.directory.join("nic"), mode="bridge")
        self.refused()
        self.refused("--nic")

    def test_addresses_come_all_three_or_not_at_all(self):
        self.wrong("--start-address", "192.168.77.1")
        self.wrong("--start-address", "192.168.77.1", "--end-address", "192.168.77.9")
        self.wrong("--subnet-mask", "255.255.255.0")

    def test_subnet_that_does_not_hold_its_range_is_refused(self):
        for start, end, mask in (("192.168.77.1", "192.168.78.9", "255.255.255.0"),
                                 ("192.168.77.9", "192.168.77.1", "255.255.255.0"),
                                 ("192.168.77.1", "192.168.77.9", "255.0.255.0"),
                                 ("192.168.77.1", "192.168.77.9", "255.255.255.255"),
                                 ("192.168.77.1", "192.168.77.9", "0.0.0.0"),
                                 ("192.168.77.0", "192.168.77.9", "255.255.255.0"),
                                 ("192.168.77.1", "192.168.77.255", "255.255.255.0"),
                                 ("8.8.8.1", "8.8.8.9", "255.255.255.0"),
                                 ("192.168.77", "192.168.77.9", "255.255.255.0"),
                                 ("192.168.77.1", "x", "255.255.255.0"),
                                 ("192.168.77.1", "192.168.77.9", "")):
            with self.subTest(start=start, end=end, mask=mask):
                self.wrong("--start-address", start, "--end-address", end, "--subnet-mask", mask)

    def test_values_out_of_range_are_refused(self):
        for arguments in (("--mac", "01:00:00:00:00:01"), ("--mac", "02:00:00:00:00"), ("--mac", "x"), ("--mac", ""),
                          ("--mac", "00:00:00:00:00:00"), ("--mtu", "0"), ("--mtu", "67"), ("--mtu", "65536"),
                          ("--mtu", "-1"), ("--mtu", "1500x"), ("--mtu", ""), ("--log-level", "loud"),
                          ("--nat66-prefix", "fd00::")):  # host mode has no NAT
            with self.subTest(arguments):
                self.wrong(*arguments)


class End(SocketTestCase):
    def test_105_sigterm_removes_the_sockets(self):
        server = self.serve(nics=3)
        server.stop(signal.SIGTERM)

    def test_105_ctrl_c_removes_the_sockets(self):
        server = self.serve(nics=3)
        server.stop(signal.SIGINT)

    def test_105_ends_with_clients_connected(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve(nics=2)
            with vu.connect_when_free(server.paths[0]) as client, \
                    vu.Client(server.paths[1], handshake=False) as half:
                guest = os.memfd_create("guest")
                os.ftruncate(guest, 1 << 20)
                client.dma_map(0, 1 << 20, guest)
                os.close(guest)
                half.send_raw(b"\1")
                server.stop(how)
                client.wait_closed()

    def test_105_ends_under_load(self):
        server = self.serve()
        with vu.connect_when_free(server.paths[0]) as client:
            read = vu.message(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 256), msg_id=1)
            for _ in range(5000):
                if not client.send_some(read):
                    break
            server.stop()

    def test_105_ends_while_a_client_connects(self):
        for _ in range(5):
            server = self.serve()
            with vu.Client(server.paths[0], handshake=False) as client:
                client.send_raw(vu.message(vu.VERSION, vu.version_payload({})))
                server.stop()

    def test_socket_that_is_removed_under_a_server_does_not_disturb_its_end(self):
        server = self.serve()
        os.unlink(server.paths[0])
        server.stop()

    def test_file_that_took_the_place_of_the_socket_is_not_removed(self):
        server = self.serve()
        path = server.paths[0]
        os.unlink(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")


if __name__ == "__main__":
    unittest.main()
