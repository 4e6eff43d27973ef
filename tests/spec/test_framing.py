# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: framing (checklist rules 1 to 16, and fds that come with the wrong message).

Rules 1 and 5 hold for every reply in every test of this folder: Client.receive_reply() checks them.
"""
import os
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
from fixture import ServedTestCase
from virtio_guest import Scratch


def well_formed(client):
    """(command, payload) of a good request for each command that needs no fd."""
    scratch = Scratch(client)
    return [
        (vu.DMA_MAP, vu.dma_map_payload(0x7000000, 0x1000)),
        (vu.DMA_UNMAP, vu.dma_unmap_payload(0x7000000, 0x1000)),
        (vu.DEVICE_GET_INFO, vu.get_info_payload()),
        (vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(vu.REGION_CONFIG)),
        (vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(vu.IRQ_MSIX)),
        (vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, 0, 0)),
        (vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 64)),
        (vu.REGION_WRITE, scratch.payload(0)),
        (vu.DEVICE_RESET, b""),
        (vu.REGION_WRITE_MULTI, vu.write_multi_payload([(scratch.region, scratch.offset, bytes(4))])),
    ]


class Framing(ServedTestCase):
    def assert_refused_or_closed(self, client):
        """An error reply, after which the connection lives, or the end of it, or both."""
        try:
            reply = client.receive()
        except vu.PeerClosed:
            return
        self.assertEqual(reply.flags, vu.TYPE_REPLY | vu.FLAG_ERROR, reply)
        self.assertEqual(reply.size, 16)
        self.assertGreater(reply.error, 0)
        try:
            client.round_trip()
        except vu.PeerClosed:
            pass

    def test_001_reply_echoes_id_and_command(self):
        client = self.connect()
        for command, payload in well_formed(client):
            for msg_id in (0, 1, 0x7fff, 0xffff):
                with self.subTest(command=command, id=msg_id):
                    client.request(command, payload, msg_id=msg_id)

    def test_002_the_same_id_twice_in_a_row(self):
        client = self.connect()
        for _ in range(2):
            client.ok(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=7)

    def test_002_the_same_id_on_pipelined_commands(self):
        client = self.connect()
        sizes = [4, 8, 12, 16, 20]
        client.send_raw(b"".join(vu.message(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, n),
                                            msg_id=9) for n in sizes))
        for n in sizes:
            reply = client.receive_reply(vu.REGION_READ, 9)
            self.assertEqual(len(reply.payload), 16 + n)

    def test_003_no_reply_command_is_executed_and_yields_no_bytes(self):
        client = self.connect()
        scratch = Scratch(client)
        scratch.set(0)
        client.send(vu.REGION_WRITE, scratch.payload(0x12), flags=vu.FLAG_NO_REPLY)
        self.assertEqual(scratch.get(), 0x12)  # fails if any other bytes come first

    def test_003_no_reply_holds_for_every_command(self):
        client = self.connect()
        for command, payload in well_formed(client):
            with self.subTest(command=command):
                client.send(command, payload, flags=vu.FLAG_NO_REPLY)
                client.round_trip()

    def test_004_failed_no_reply_command_yields_no_bytes(self):
        client = self.connect()
        for command, payload in [
                (vu.REGION_WRITE, vu.region_write_payload(vu.REGION_CONFIG, 1 << 40, b"1234")),
                (vu.REGION_READ, vu.region_read_payload(99, 0, 4)),
                (vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(99)),
                (vu.DMA_UNMAP, vu.dma_unmap_payload(0x1000, 0x1000)),
                (vu.DEVICE_GET_INFO, b"\x01"),
                (999, b"1234")]:
            with self.subTest(command=command):
                client.send(command, payload, flags=vu.FLAG_NO_REPLY)
                client.round_trip()

    def test_005_error_reply_is_a_bare_header_with_an_errno(self):
        client = self.connect()
        for command, payload in [
                (vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 1 << 40, 4)),
                (vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(12345)),
                (vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_GET | 0xffff, b"", 64))]:
            with self.subTest(command=command):
                client.send(command, payload, msg_id=3)
                reply = client.receive()
                self.assertEqual((reply.flags, reply.size), (0x21, 16))
                self.assertGreater(reply.error, 0)

    def test_006_message_split_at_every_byte(self):
        client = self.connect()
        whole = vu.message(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 64), msg_id=5)
        expected = client.region_read(vu.REGION_CONFIG, 0, 64)
        for cut in range(1, len(whole)):
            client.send_raw(whole[:cut])
            client.wait_consumed()
            client.send_raw(whole[cut:])
            self.assertEqual(client.receive_reply(vu.REGION_READ, 5).payload[16:], expected, f"cut at {cut}")

    def test_006_message_sent_byte_by_byte(self):
        client = self.connect()
        scratch = Scratch(client)
        for byte in vu.message(vu.REGION_WRITE, scratch.payload(0xabcd), msg_id=6):
            client.send_raw(bytes([byte]))
            client.wait_consumed()
        client.receive_reply(vu.REGION_WRITE, 6)
        self.assertEqual(scratch.get(), 0xabcd)

    def test_006_fds_of_a_split_message_stay_with_it(self):
        client = self.connect()
        flags, count = client.irq_info(vu.IRQ_MSIX)
        event = self.eventfd()
        whole = vu.message(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(
            vu.IRQ_MSIX, vu.SET_EVENTFD | vu.SET_TRIGGER, 0, 1), msg_id=8)
        for cut in (1, 8, 15, 16, 17, 35):
            client.send_raw(whole[:cut], [event])
            client.wait_consumed()
            client.send_raw(whole[cut:])
            self.assertFalse(client.receive_reply(vu.DEVICE_SET_IRQS, 8).is_error, f"cut at {cut}")
            client.set_irqs(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, 0, 1)
            self.assertEqual(vu.wait_event(event, "the vector"), 1)

    def test_006_each_message_cut_in_every_place_with_the_next_glued_to_it(self):
        client = self.connect()
        for command, payload in well_formed(client):
            with self.subTest(command=command):
                whole = vu.message(command, payload, msg_id=1)
                stream = whole + vu.message(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=2)
                for cut in range(1, len(stream), 3):
                    client.send_raw(stream[:cut])
                    client.wait_consumed()
                    client.send_raw(stream[cut:])
                    client.receive_reply(command, 1)
                    self.assertFalse(client.receive_reply(vu.DEVICE_GET_INFO, 2).is_error)

    def test_007_several_messages_in_one_write_are_handled_in_order(self):
        client = self.connect()
        scratch = Scratch(client)
        read = vu.region_read_payload(scratch.region, scratch.offset, 4)
        stream = b""
        for i in range(100):
            stream += vu.message(vu.REGION_WRITE, scratch.payload(i), msg_id=2 * i)
            stream += vu.message(vu.REGION_READ, read, msg_id=2 * i + 1)
        client.send_raw(stream)
        for i in range(100):
            self.assertFalse(client.receive_reply(vu.REGION_WRITE, 2 * i).is_error)
            value = client.receive_reply(vu.REGION_READ, 2 * i + 1).payload[16:]
            self.assertEqual(struct.unpack("<I", value)[0], i)

    def test_007_fds_of_glued_messages_are_not_mixed_up(self):
        client = self.connect()
        events = self.eventfds(2)
        first = vu.message(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(
            vu.IRQ_MSIX, vu.SET_EVENTFD | vu.SET_TRIGGER, 0, 1), msg_id=1)
        plain = vu.message(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=2)
        second = vu.message(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(
            vu.IRQ_MSIX, vu.SET_EVENTFD | vu.SET_TRIGGER, 1, 1), msg_id=3)
        for _ in range(20):
            client.send_raw(plain + plain)
            client.send_raw(first + plain, [events[0]])
            client.send_raw(second + plain, [events[1]])
            for command, msg_id in [(vu.DEVICE_GET_INFO, 2), (vu.DEVICE_GET_INFO, 2), (vu.DEVICE_SET_IRQS, 1),
                                    (vu.DEVICE_GET_INFO, 2), (vu.DEVICE_SET_IRQS, 3),
                                    (vu.DEVICE_GET_INFO, 2)]:
                self.assertFalse(client.receive_reply(command, msg_id).is_error)
            client.set_irqs(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, 1, 1)
            self.assertEqual((vu.count_of(events[0]), vu.count_of(events[1])), (0, 1))
            client.set_irqs(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, 0, 1)
            self.assertEqual((vu.count_of(events[0]), vu.count_of(events[1])), (1, 0))

    def test_008_write_of_the_advertised_limit_is_taken_whole(self):
        # No region of a NIC is that large: the write itself is refused, but as one message, in step.
        client = self.connect()
        data = bytes(client.max_data_xfer_size)
        client.refused(vu.REGION_WRITE, vu.region_write_payload(vu.REGION_CONFIG, 0, data))
        client.round_trip()

    def test_008_write_of_the_advertised_limit_in_small_pieces(self):
        client = self.connect()
        whole = vu.message(vu.REGION_WRITE, vu.region_write_payload(
            vu.REGION_CONFIG, 0, bytes(client.max_data_xfer_size)), msg_id=4)
        for at in range(0, len(whole), 50001):
            client.send_raw(whole[at:at + 50001])
        self.assertTrue(client.receive_reply(vu.REGION_WRITE, 4).is_error)
        client.round_trip()

    def test_009_size_below_header_closes_connection(self):
        for size in range(16):
            with self.subTest(size=size):
                with vu.connect_when_free(self.path()) as client:
                    client.send(vu.DEVICE_GET_INFO, vu.get_info_payload(), size=size)
                    client.wait_closed()

    def test_009_size_below_header_in_the_first_message_closes_connection(self):
        for size in (0, 1, 15):
            with self.subTest(size=size):
                self.wait_fds_back()
                with vu.Client(self.path(), handshake=False) as client:
                    client.send(vu.VERSION, vu.version_payload(), size=size)
                    client.wait_closed()

    def test_010_size_above_limit_is_refused_without_allocating_it(self):
        for command in (vu.REGION_WRITE, vu.DEVICE_GET_INFO, vu.VERSION, 999):
            for size in (0xffffffff, 0x80000000, 0x7fffffff, 1 << 28):
                with self.subTest(command=command, size=size):
                    with vu.connect_when_free(self.path()) as client:
                        before = self.server.status_kib("VmRSS")
                        peak = self.server.status_kib("VmSize")
                        client.send(command, bytes(32), size=size)
                        self.assert_refused_or_closed_unread(client)
                        self.assertLess(self.server.status_kib("VmRSS"), before + 32 * 1024)
                        self.assertLess(self.server.status_kib("VmSize"), peak + 64 * 1024)

    def assert_refused_or_closed_unread(self, client):
        """The server need not wait for a body that it will not take: an error, the end, or both."""
        try:
            reply = client.receive()
            self.assertTrue(reply.is_error, reply)
        except vu.PeerClosed:
            pass

    def test_010_size_just_above_limit(self):
        client = self.connect()
        data = bytes(client.max_data_xfer_size + 4096)
        try:
            client.send(vu.REGION_WRITE, vu.region_write_payload(vu.REGION_CONFIG, 0, data), msg_id=1)
            self.assert_refused_or_closed(client)
        except vu.PeerClosed:
            pass

    def test_011_types_other_than_command_and_reply_are_refused(self):
        for kind in range(2, 16):
            with self.subTest(type=kind):
                with vu.connect_when_free(self.path()) as client:
                    Scratch(client).set(1)
                    client.send(vu.REGION_WRITE, Scratch(client).payload(2), flags=kind)
                    try:
                        self.assert_refused_or_closed(client)
                    except vu.PeerClosed:
                        pass
                with vu.connect_when_free(self.path()) as client:
                    self.assertEqual(Scratch(client).get(), 1, "it was executed")

    def test_011_reply_that_nobody_asked_for_is_never_executed(self):
        for flags in (vu.TYPE_REPLY, vu.TYPE_REPLY | vu.FLAG_ERROR, vu.TYPE_REPLY | vu.FLAG_NO_REPLY):
            for command, payload in [(vu.REGION_WRITE, None), (vu.DEVICE_RESET, b""), (vu.VERSION, b""),
                                     (vu.DMA_READ, bytes(16)), (vu.DMA_WRITE, bytes(16)), (0, b""), (999, b"")]:
                with self.subTest(flags=flags, command=command):
                    with vu.connect_when_free(self.path()) as client:
                        scratch = Scratch(client)
                        scratch.set(1)
                        client.send(command, scratch.payload(2) if payload is None else payload, flags=flags)
                        try:
                            client.round_trip()  # ignored
                        except vu.PeerClosed:
                            pass  # closed
                    with vu.connect_when_free(self.path()) as client:
                        self.assertEqual(Scratch(client).get(), 1, "it was executed")

    def test_012_unknown_commands_are_refused(self):
        client = self.connect()
        for command in (0, 14, 19, 20, 255, 256, 999, 0x7fff, 0x8000, 65535):
            for payload in (b"", bytes(4), bytes(64), bytes(4096)):
                with self.subTest(command=command, payload=len(payload)):
                    client.refused(command, payload)
                    client.round_trip()

    def test_013_commands_of_the_server_are_refused(self):
        client = self.connect()
        for command in (vu.DMA_READ, vu.DMA_WRITE):
            for payload in (struct.pack("<QQ", 0x1000, 4), struct.pack("<QQ4s", 0x1000, 4, b""), b""):
                with self.subTest(command=command, payload=len(payload)):
                    client.refused(command, payload)
                    client.round_trip()

    def test_014_reserved_flag_bits_have_a_defined_outcome(self):
        for bit in range(6, 32):
            with self.subTest(bit=bit):
                with vu.connect_when_free(self.path()) as client:
                    client.send(vu.DEVICE_GET_INFO, vu.get_info_payload(), flags=1 << bit, msg_id=1)
                    try:
                        client.receive_reply(vu.DEVICE_GET_INFO, 1)  # ignored or rejected
                        client.round_trip()
                    except vu.PeerClosed:
                        pass

    def test_014_error_bit_in_a_command_has_a_defined_outcome(self):
        client = self.connect()
        client.send(vu.DEVICE_GET_INFO, vu.get_info_payload(), flags=vu.FLAG_ERROR, msg_id=1)
        try:
            client.receive_reply(vu.DEVICE_GET_INFO, 1)
        except vu.PeerClosed:
            pass

    def test_015_error_field_in_a_command_is_ignored(self):
        client = self.connect()
        for error in (1, 22, 0xffffffff):
            client.ok(vu.DEVICE_GET_INFO, vu.get_info_payload(), error=error)

    def test_016_first_message_that_is_not_version_is_refused(self):
        with vu.connect_when_free(self.path()) as client:
            Scratch(client).set(1)
            commands = [c for c in well_formed(client) if c[0] != vu.REGION_WRITE]
            commands += [(vu.REGION_WRITE, Scratch(client).payload(2)), (0, b""), (999, b"")]
        for command, payload in commands:
            with self.subTest(command=command):
                self.wait_fds_back()
                with vu.Client(self.path(), handshake=False) as client:
                    client.send(command, payload)
                    try:
                        reply = client.receive()
                        self.assertTrue(reply.is_error, reply)
                    except vu.PeerClosed:
                        pass
        with vu.connect_when_free(self.path()) as client:
            self.assertEqual(Scratch(client).get(), 1, "a command before VERSION was executed")

    # "Unexpected fds on any command must be closed" (section 3).

    def test_fds_with_commands_that_take_none_are_closed(self):
        client = self.connect()
        marked = self.memfd(4096, "stray")
        for command, payload in well_formed(client) + [(vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_PROBE)),
                                                       (999, bytes(8)), (vu.MIG_DATA_READ, bytes(8))]:
            if command == vu.DMA_MAP:
                continue
            for n in (1, 2, 8):
                with self.subTest(command=command, fds=n):
                    client.request(command, payload, [marked] * n)
                    client.round_trip()
                    self.assertFalse(self.server.holds("memfd:stray"))

    def test_fds_with_no_reply_commands_are_closed(self):
        client = self.connect()
        marked = self.memfd(4096, "stray")
        for command, payload in well_formed(client):
            if command == vu.DMA_MAP:
                continue
            client.send(command, payload, [marked], flags=vu.FLAG_NO_REPLY)
        client.round_trip()
        self.assertFalse(self.server.holds("memfd:stray"))

    def test_more_fds_than_max_msg_fds_are_closed(self):
        marked = self.memfd(4096, "stray")
        for n in (17, 64, 253):  # 253: the most that Linux passes at once
            with self.subTest(fds=n):
                with vu.connect_when_free(self.path()) as client:
                    self.assertLess(client.max_msg_fds, 17)
                    client.send(vu.DEVICE_GET_INFO, vu.get_info_payload(), [marked] * n, msg_id=1)
                    try:
                        client.receive_reply(vu.DEVICE_GET_INFO, 1)
                        client.round_trip()
                    except vu.PeerClosed:
                        pass
                    vu.wait_until(lambda: not self.server.holds("memfd:stray"), "the fds closed")

    def test_fds_that_come_in_the_middle_of_a_message_are_closed(self):
        marked = self.memfd(4096, "stray")
        whole = vu.message(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=1)
        for cut in (1, 8, 16, 20, 31):
            with self.subTest(cut=cut):
                with vu.connect_when_free(self.path()) as client:
                    client.send_raw(whole[:cut])
                    client.wait_consumed()
                    client.send_raw(whole[cut:], [marked])
                    try:
                        client.receive_reply(vu.DEVICE_GET_INFO, 1)
                        client.round_trip()
                    except vu.PeerClosed:
                        pass
                    vu.wait_until(lambda: not self.server.holds("memfd:stray"), "the fds closed")

    def test_half_a_header_and_silence_blocks_nobody(self):
        client = self.connect(0)
        client.send_raw(b"\x01\x00\x04")
        client.wait_consumed()
        with vu.connect_when_free(self.path(1)) as other:
            other.round_trip()
        client.send_raw(vu.message(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=1)[3:])
        self.assertFalse(client.receive_reply(vu.DEVICE_GET_INFO, 1).is_error)

    def test_half_closed_connection_still_gets_its_replies_or_ends(self):
        client = self.connect()
        client.send(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=1)
        client.socket.shutdown(socket.SHUT_WR)
        client.wait_closed()


if __name__ == "__main__":
    unittest.main()
