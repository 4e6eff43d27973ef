# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: a socket of their own for the server's commands (rules 26 and 27), on outrigger-test-device."""
import errno
import json
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import device_client as dc
import test_device_regs as regs
import vfio_user_client as vu
from fixture import Device, DeviceTestCase

BASE = 1 << 32
WAYS = (regs.DMA_WAIT, regs.DMA_ASYNC)


class Twin(DeviceTestCase):
    capabilities = dc.TWIN

    def lose(self, do, fails=False):
        """After do() either the connection is over, or it serves on; DMA with an error if it must fail."""
        self.client.message_memory(BASE, 4096)
        do()
        try:
            result = self.client.dma(regs.DMA_READ | regs.DMA_WAIT, BASE, 16, timeout_ms=300)
            self.assertTrue(result or not fails, "whom did it ask?")
        except (vu.PeerClosed, vu.PeerClosedInsideMessage):
            pass
        self.reconnect()

    def test_026_twin_socket_is_offered_with_one_fd(self):
        twin = self.client.capabilities["twin_socket"]
        self.assertIs(twin["supported"], True)
        self.assertEqual(len(self.client.version_fds), 1)
        self.assertEqual(twin["fd_index"], 0)
        end = self.client.twin.socket
        self.assertEqual((end.family, end.type), (socket.AF_UNIX, socket.SOCK_STREAM))

    def test_026_server_commands_go_only_there(self):
        # next_reply() fails for a command on the main socket.
        memory = self.client.message_memory(BASE, 4096)
        for way in WAYS:
            memory.bytes[:] = data = os.urandom(4096)
            self.assertEqual(self.client.dma(regs.DMA_READ | way, BASE, 4096), 0)
            self.assertEqual(self.client.local(0, 4096), data)
            self.assertEqual(self.client.dma(regs.DMA_WRITE | way, BASE, 4096), 0)
        self.assertEqual(len(self.client.served), 4)

    def test_026_both_ways_at_once_with_the_same_ids(self):
        memory = self.client.message_memory(BASE, 4096)
        memory.bytes[:] = data = os.urandom(4096)
        held = self.client.hold_commands()
        self.client.dma_accepted(self.client.dma_start(regs.DMA_READ | regs.DMA_ASYNC, BASE, 256, count=16, stride=256))
        self.client.wait_held(held, 16)
        for _, asked in held:
            self.assertFalse(self.client.request(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=asked.id).is_error)
        self.client.release_commands(held)
        self.client.until_reg(regs.REG_DMA_IN_FLIGHT, 0, "all are answered")
        self.assertEqual(self.client.local(0, 4096), data)

    def test_026_command_of_the_client_waits_for_no_room_on_the_twin(self):
        # The twin is not read: the main socket is served all the same.
        self.client.message_memory(BASE, 1 << 20)
        held = self.client.hold_commands()
        for _ in range(8):
            self.client.dma_accepted(self.client.dma_start(regs.DMA_FILL | regs.DMA_ASYNC, BASE, 1 << 16, count=8))
        self.client.round_trip()
        self.client.release_commands(held)
        self.client.until_reg(regs.REG_DMA_IN_FLIGHT, 0, "all are answered")
        self.assertEqual(self.client.reg(regs.REG_DMA_RESULT), 0)

    def test_026_deferred_answers_stay_on_the_main_socket(self):
        self.client.defer(regs.KIND_READ)
        msg_id = self.client.read_request()
        self.client.round_trip()
        self.client.release(1)
        self.assertEqual(len(self.client.read_reply(msg_id)), 4)

    def test_026_closed_twin_ends_the_connection_or_the_requests(self):
        def close():
            self.client.twin.close()
            self.client.twin = None
            self.client.serve = lambda on, m: self.fail(f"on the main socket: {m}")
        self.lose(close, fails=True)

    def test_026_half_closed_twin_is_defined(self):
        self.lose(lambda: self.client.twin.socket.shutdown(socket.SHUT_WR))

    def test_026_rubbish_on_the_twin_is_defined(self):
        for data in (bytes(16), b"\xff" * 64, vu.message(vu.DMA_READ, bytes(15), flags=1), b"\1",
                     vu.message(vu.REGION_READ, bytes(20), flags=1), vu.message(vu.DMA_READ, flags=1, size=1 << 30)):
            with self.subTest(data=data[:20].hex()):
                self.lose(lambda data=data: self.client.twin.send_raw(data))

    def test_026_command_on_the_twin_has_a_defined_outcome(self):
        # It is for the server's commands. One reply there, and none on the main socket; or the end.
        for command, payload in ((vu.DEVICE_GET_INFO, vu.get_info_payload()), (99, b""),
                                 (vu.VERSION, vu.version_payload({})), (vu.DMA_WRITE, bytes(17))):
            try:
                self.client.twin.send(command, payload, msg_id=1)
                self.client.twin.receive_reply(command, 1)
                self.client.round_trip()
            except vu.PeerClosed:
                self.reconnect()

    def test_026_fds_on_the_twin_are_closed(self):
        marked = self.memfd(4096, "stray")
        self.lose(lambda: self.client.twin.send_raw(vu.message(vu.DMA_WRITE, bytes(16), flags=1), [marked] * 4))
        self.assertFalse(self.server.holds("memfd:stray"))

    def test_026_reply_on_the_wrong_socket_is_not_taken(self):
        self.client.message_memory(BASE, 4096)
        access = self.client.dma_start(regs.DMA_READ | regs.DMA_WAIT, BASE, 16, timeout_ms=200)
        asked = self.client.receive_command()
        try:
            self.client.reply(asked, asked.payload[:16] + b"\xbd" * 16)
            self.client.dma_accepted(access)
            self.assertEqual(self.client.reg(regs.REG_DMA_RESULT), errno.ETIMEDOUT)
            self.assertEqual(self.client.local(0, 16), bytes(16))
        except (vu.PeerClosed, vu.PeerClosedInsideMessage):
            self.reconnect()

    def test_026_twin_goes_with_the_client(self):
        for _ in range(20):
            self.reconnect()
        self.client.close()
        self.wait_fds_back()


class NoTwin(DeviceTestCase):
    connected = False

    def assert_single(self, capabilities):
        with vu.Client(self.path(), handshake=False) as client:
            reply = client.request(vu.VERSION, vu.version_payload(capabilities))
            self.assertFalse(reply.is_error)
            self.assertEqual(reply.fds, [])
            twin = json.loads(reply.payload[4:-1])["capabilities"].get("twin_socket", {})
            self.assertFalse(twin.get("supported", False))

    def test_027_not_offered_means_one_socket(self):
        for capabilities in ({}, {"twin_socket": {}}, {"twin_socket": {"supported": False}, "max_msg_fds": 8},
                             {"twin_socket": {"supported": True}, "max_msg_fds": 0},
                             {"twin_socket": {"fd_index": 0}, "max_msg_fds": 8}):
            with self.subTest(capabilities=capabilities):
                self.assert_single(capabilities)

    def test_027_without_a_twin_commands_come_on_the_main_socket(self):
        for capabilities in ({}, {"twin_socket": {"supported": True}, "max_msg_fds": 0}):
            client = self.client_of(self.path(), capabilities=capabilities)
            client.message_memory(BASE, 4096)
            self.assertIsNone(client.twin)
            self.assertEqual(client.dma(regs.DMA_READ | regs.DMA_WAIT, BASE, 64), 0)
            self.assertEqual(client.served, [(vu.DMA_READ, BASE, 64)])
            client.close()

    def test_027_device_of_one_thread_has_no_twin(self):
        # server.h, RIG_DEVICE_ONE_THREAD
        self.client = self.client_of(self.server_of_one_thread(), capabilities=dc.TWIN)
        self.assertEqual(self.client.version_fds, [])
        self.assertFalse(self.client.capabilities.get("twin_socket", {}).get("supported", False))
        self.client.message_memory(BASE, 4096)
        self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_WAIT, BASE, 64), 0)

    def server_of_one_thread(self):
        server = Device(self.directory, ["--one-thread"], name="other")
        self.addCleanup(server.stop)
        return server.paths[0]

    def test_026_default_of_one_fd_is_enough_for_it(self):
        # max_msg_fds is 1 for who does not say.
        with dc.connect_when_free(self.path(), capabilities={"twin_socket": {"supported": True}}) as client:
            self.assertIsNotNone(client.twin)

    def test_026_malformed_proposals_are_refused(self):
        for twin in (True, [], 1, "yes", {"supported": 1}, {"supported": "true"}, {"supported": None}):
            with vu.Client(self.path(), handshake=False) as client:
                self.assertEqual(client.refused(vu.VERSION, vu.version_payload({"twin_socket": twin})), errno.EINVAL)
                client.wait_closed()


if __name__ == "__main__":
    unittest.main()
