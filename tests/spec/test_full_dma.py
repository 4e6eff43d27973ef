# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: the server reaches guest memory by messages (rules 44 to 46), and where there is shared memory, by it.

The device is outrigger-test-device; its DMA engine does what these tests tell it to.
"""
import errno
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import device_client as dc
import test_device_regs as regs
import vfio_user_client as vu
from fixture import DeviceTestCase

R = vu.DMA_FLAG_READ
W = vu.DMA_FLAG_WRITE
PAGE = 4096
MIB = 1 << 20
BASE = 1 << 32
READ = regs.DMA_READ
WRITE = regs.DMA_WRITE
WAYS = (regs.DMA_WAIT, regs.DMA_ASYNC)  # that know messages
U64 = (1 << 64) - 1


class Messages(DeviceTestCase):
    """44: what the server asks for."""

    def test_044_reads_and_writes_arrive(self):
        memory = self.client.message_memory(BASE, MIB)
        for way in WAYS:
            for length in (1, 2, 3, 7, 8, 4095, 4096, 4097, 65536, MIB):
                data = os.urandom(length)
                with self.subTest(way=way, length=length):
                    memory.bytes[MIB - length:] = data
                    self.assertEqual(self.client.dma(READ | way, BASE + MIB - length, length), 0)
                    self.assertEqual(self.client.local(0, length), data)
                    self.assertEqual(self.client.dma(WRITE | way, BASE, length), 0)
                    self.assertEqual(memory.bytes[:length], data)

    def test_044_copy_and_fill_arrive(self):
        memory = self.client.message_memory(BASE, MIB)
        for way in WAYS:
            self.assertEqual(self.client.dma(regs.DMA_FILL | way, BASE, 300, pattern=0x5a + way), 0)
            self.assertEqual(self.client.dma(regs.DMA_COPY | way, BASE, 300, second=BASE + 4096), 0)
            self.assertEqual(memory.bytes[4096:4396], bytes([0x5a + way]) * 300)

    def test_044_address_0_and_the_last_one_are_addresses(self):
        low = self.client.message_memory(0, 4096)
        high = self.client.message_memory(U64 - 4095, 4096)
        for way in WAYS:
            self.assertEqual(self.client.dma(regs.DMA_FILL | way, 0, 4096, pattern=way), 0)
            self.assertEqual(self.client.dma(regs.DMA_COPY | way, 0, 4096, second=U64 - 4095), 0)
            self.assertEqual(low.bytes, high.bytes)

    def test_044_nothing_is_asked_for_zero_bytes(self):
        self.client.message_memory(BASE, 4096)
        for way in WAYS:
            self.assertEqual(self.client.dma(READ | way, BASE, 0), 0)
        self.assertEqual(self.client.served, [])

    def test_044_shared_memory_takes_no_messages(self):
        fd = self.memfd(2 * MIB)
        self.client.dma_map(BASE, MIB, fd, offset=MIB)
        self.client.set_local(0, b"through a mapping")
        for way in (regs.DMA_PIN, regs.DMA_TRANSLATE, *WAYS):
            os.pwrite(fd, bytes(64), MIB)
            self.assertEqual(self.client.dma(WRITE | way, BASE, 17), 0)
            self.assertEqual(os.pread(fd, 17, MIB), b"through a mapping")
        self.assertEqual(self.client.served, [])

    def test_044_memory_that_is_not_shared_cannot_be_pinned(self):
        self.client.message_memory(BASE, 4096)
        for way in (regs.DMA_PIN, regs.DMA_TRANSLATE):
            self.assertEqual(self.client.dma(READ | way, BASE, 16), errno.EREMOTEIO)
        self.assertEqual(self.client.served, [])

    def test_044_transfer_over_both_kinds_of_memory(self):
        fd = self.memfd(4096)
        first = self.client.message_memory(BASE, 4096)
        self.client.dma_map(BASE + 4096, 4096, fd)
        last = self.client.message_memory(BASE + 8192, 4096)
        data = os.urandom(3 * 4096 - 200)
        self.client.set_local(0, data)
        for way in WAYS:
            self.assertEqual(self.client.dma(WRITE | way, BASE + 100, len(data)), 0)
            self.assertEqual(first.bytes[100:] + os.pread(fd, 4096, 0) + last.bytes[:-100], data)
        for _, address, count in self.client.served:
            self.assertTrue(BASE <= address <= address + count <= BASE + 4096
                            or BASE + 8192 <= address <= address + count <= BASE + 12288)

    def test_044_no_message_leaves_its_map(self):
        # A client may look up one map for a message: neighbours are not joined.
        for i in range(4):
            self.client.message_memory(BASE + i * 4096, 4096)
        for way in WAYS:
            self.assertEqual(self.client.dma(READ | way, BASE, 16384), 0)
        for _, address, count in self.client.served:
            self.assertEqual((address - BASE) // 4096, (address - BASE + count - 1) // 4096)

    def test_044_nothing_outside_maps_is_asked_for(self):
        self.client.message_memory(BASE, 4096)
        for way in WAYS:
            for address, length in ((BASE - 4096, 16), (BASE + 4096, 1), (0, 16), (U64 - 15, 16), (U64 - 15, 32)):
                with self.subTest(way=way, address=hex(address)):
                    self.assertEqual(self.client.dma(READ | way, address, length), errno.EFAULT)
                    self.assertEqual(self.client.dma(WRITE | way, address, length), errno.EFAULT)
        self.assertEqual(self.client.served, [])

    def test_044_transfer_that_leaves_the_map_fails(self):
        # What is inside may be asked for before; serve() fails this test for anything else.
        self.client.message_memory(BASE, 4096)
        for way in WAYS:
            self.assertEqual(self.client.dma(READ | way, BASE + 4000, 200), errno.EFAULT)
            self.assertEqual(self.client.dma(WRITE | way, BASE - 8, 16), errno.EFAULT)

    def test_044_nothing_against_the_flags_is_asked_for(self):
        self.client.message_memory(BASE, 4096, flags=R)
        self.client.message_memory(BASE + MIB, 4096, flags=W)
        for way in WAYS:
            self.assertEqual(self.client.dma(WRITE | way, BASE, 16), errno.EACCES)
            self.assertEqual(self.client.dma(READ | way, BASE + MIB, 16), errno.EACCES)
        self.assertEqual(self.client.served, [])
        for way in WAYS:
            self.assertEqual(self.client.dma(READ | way, BASE, 16), 0)
            self.assertEqual(self.client.dma(WRITE | way, BASE + MIB, 16), 0)

    def test_044_flags_hold_for_shared_memory_too(self):
        fd = self.memfd(8192)
        self.client.dma_map(BASE, 4096, fd, flags=R)
        self.client.dma_map(BASE + MIB, 4096, fd, flags=W, offset=4096)
        for way in (regs.DMA_PIN, regs.DMA_TRANSLATE, *WAYS):
            self.assertEqual(self.client.dma(WRITE | way, BASE, 16), errno.EACCES)
            self.assertEqual(self.client.dma(READ | way, BASE + MIB, 16), errno.EACCES)
            self.assertEqual(self.client.dma(READ | way, BASE, 16), 0)
            self.assertEqual(self.client.dma(WRITE | way, BASE + MIB, 16), 0)

    def test_044_nothing_is_asked_for_after_the_unmap(self):
        self.client.message_memory(BASE, 4096)
        self.assertEqual(self.client.dma(READ | regs.DMA_WAIT, BASE, 16), 0)
        self.client.dma_unmap(BASE, 4096)
        self.client.served.clear()
        for way in WAYS:
            self.assertEqual(self.client.dma(READ | way, BASE, 16), errno.EFAULT)
        self.assertEqual(self.client.served, [])


class MessagesOnOneThread(Messages):
    arguments = ("--one-thread",)


class Shared(DeviceTestCase):
    """31, 47: memory with a file, in every way that the device has to reach it."""

    ALL_WAYS = (regs.DMA_PIN, regs.DMA_TRANSLATE, *WAYS)

    def test_031_every_access_mode_reaches_the_file(self):
        for mode in (0, vu.DMA_FLAG_MMAP, vu.DMA_FLAG_FILE):
            fd = self.memfd(2 * MIB)
            self.client.dma_map(BASE, MIB, fd, R | W | mode, offset=MIB)
            for way in self.ALL_WAYS:
                data = os.urandom(5000)
                os.pwrite(fd, data, MIB + 100)
                self.assertEqual(self.client.dma(READ | way, BASE + 100, len(data)), 0)
                self.assertEqual(self.client.local(0, len(data)), data)
                self.assertEqual(self.client.dma(WRITE | way, BASE + 50000, len(data)), 0)
                self.assertEqual(os.pread(fd, len(data), MIB + 50000), data)
            self.client.dma_unmap(BASE, MIB)

    def test_047_file_that_is_truncated_under_the_device(self):
        for way in self.ALL_WAYS:
            for command in (READ, WRITE):
                for size in (0, PAGE):
                    fd = self.memfd(MIB, "short")
                    self.client.dma_map(BASE, MIB, fd)
                    os.ftruncate(fd, size)
                    try:
                        self.client.dma(command | way, BASE, MIB)
                        self.client.wait_closed()
                    except (vu.PeerClosed, vu.PeerClosedInsideMessage):
                        pass
                    self.reconnect()
                    self.assertFalse(self.server.holds("memfd:short"))

    def test_047_file_that_is_truncated_under_a_pin(self):
        fd = self.memfd(MIB, "short")
        self.client.dma_map(BASE, MIB, fd)
        self.client.set(regs.REG_DMA_HOLD_MS, 5)
        self.assertEqual(self.client.dma(WRITE | regs.DMA_PIN | regs.DMA_HOLD, BASE, MIB), 0)
        os.ftruncate(fd, 0)
        try:
            self.client.dma(READ | regs.DMA_PIN, BASE, MIB)
            self.client.wait_closed()
        except (vu.PeerClosed, vu.PeerClosedInsideMessage):
            pass
        self.reconnect()

    def test_047_truncated_memory_that_nobody_touches_is_no_matter(self):
        fd = self.memfd(MIB)
        self.client.dma_map(BASE, MIB, fd)
        os.ftruncate(fd, 0)
        self.client.round_trip()
        self.client.dma_unmap(BASE, MIB)


class Split(DeviceTestCase):
    """29, 44: transfers larger than the client's max_data_xfer_size take several messages."""

    connected = False

    def check(self, limit, length, expect=0):
        self.client = self.client_of(self.path(), capabilities={"max_data_xfer_size": limit})
        memory = self.client.message_memory(BASE, MIB)
        for way in WAYS:
            memory.bytes[:length] = data = os.urandom(length)
            self.client.served.clear()
            self.assertEqual(self.client.dma(READ | way, BASE, length), expect)
            if expect:
                self.assertEqual(self.client.served, [])
                continue
            self.assertEqual(self.client.local(0, length), data)
            self.assertEqual(self.client.dma(WRITE | way, BASE + MIB // 2, length), 0)
            self.assertEqual(memory.bytes[MIB // 2:MIB // 2 + length], data)
            self.assertLessEqual(max(count for _, _, count in self.client.served), limit)
            for command, base in ((vu.DMA_READ, BASE), (vu.DMA_WRITE, BASE + MIB // 2)):
                parts = sorted((at, n) for what, at, n in self.client.served if what == command)
                self.assertEqual([at for at, _ in parts], [base + sum(n for _, n in parts[:i])
                                                           for i in range(len(parts))])
                self.assertEqual(sum(n for _, n in parts), length)
        self.client.close()

    def test_029_044_big_transfers_are_split_by_the_limit(self):
        for limit in (1 << 18, 4096, 4095, 1000, 512):
            with self.subTest(limit=limit):
                self.check(limit, 100000)

    def test_029_044_by_a_limit_of_one_byte(self):
        self.check(1, 100)

    def test_029_044_limit_larger_than_ours_is_fine(self):
        self.check(0xffffffff, MIB // 2)

    def test_029_044_client_that_accepts_no_data_gets_none(self):
        self.check(0, 16, errno.EPROTO)


class Answers(DeviceTestCase):
    """45: what comes back for DMA_READ and DMA_WRITE is anything."""

    def setUp(self):
        super().setUp()
        self.memory = self.client.message_memory(BASE, MIB)

    def both(self, serve, expected, length=64, lives=True, **how):
        """Each way of waiting, each direction: the command ends with that errno (or one of them)."""
        expected = expected if isinstance(expected, tuple) else (expected,)
        for way in WAYS:
            for command in (READ, WRITE):
                with self.subTest(way=way, command=command):
                    self.client.serve = serve
                    if lives:
                        result = self.client.dma(command | way, BASE, length, **how)
                        self.assertIn(dc.error_name(result), [dc.error_name(e) for e in expected])
                        self.client.serve = self.client.serve_from_memory
                        self.assertEqual(self.client.dma(command | way, BASE, length), 0, "the next one works")
                    else:
                        self.end_of_the_connection(command | way, length)

    def end_of_the_connection(self, command, length):
        """The server hangs up over it, and serves the next client."""
        try:
            self.client.dma(command, BASE, length)
            self.client.wait_closed()
        except (vu.PeerClosed, vu.PeerClosedInsideMessage):
            pass
        self.reconnect()
        self.memory = self.client.message_memory(BASE, MIB)

    def test_045_error(self):
        for error in (errno.EFAULT, errno.EPERM, errno.ENODEV, errno.E2BIG, errno.EINVAL):
            self.both(lambda on, m, error=error: on.reply(m, error=error), error)

    def test_045_error_without_an_errno_or_with_none_of_ours(self):
        self.both(lambda on, m: on.reply(m, error=0, flags=vu.TYPE_REPLY | vu.FLAG_ERROR), errno.EIO)
        for error in (4096, 0x7fffffff, 0xffffffff):
            self.both(lambda on, m, error=error: on.reply(m, error=error), errno.EIO)

    def test_045_error_with_a_payload_is_drained(self):
        self.both(lambda on, m: on.reply(m, m.payload[:16], error=errno.EFAULT), errno.EFAULT)
        self.both(lambda on, m: on.reply(m, bytes(16 + 64), error=errno.EFAULT), errno.EFAULT)

    def test_045_short_count_is_asked_for_again(self):
        # "Short transfers are the client's choice": three bytes at most, then the rest.
        def serve(on, message):
            address, count = struct.unpack_from("<QQ", message.payload)
            n = min(count, 3)
            at = address - BASE
            if message.command == vu.DMA_WRITE:
                self.memory.bytes[at:at + n] = message.payload[16:16 + n]
                on.reply(message, struct.pack("<QQ", address, n))
            else:
                on.reply(message, struct.pack("<QQ", address, n) + self.memory.bytes[at:at + n])
        self.memory.bytes[:64] = data = os.urandom(64)
        self.both(serve, 0)
        self.assertEqual(self.client.local(0, 64), data)
        self.assertEqual(self.memory.bytes[:64], data)

    def test_045_count_of_zero_does_not_go_on_for_ever(self):
        self.both(lambda on, m: on.reply(m, m.payload[:8] + bytes(8)), (errno.EIO, errno.EPROTO))

    def test_045_oversized_count(self):
        for count in (65, 128, 1 << 20, 1 << 32, (1 << 32) + 64, U64):
            def serve(on, message, count=count):
                read = message.command == vu.DMA_READ
                on.reply(message, message.payload[:8] + struct.pack("<Q", count) + bytes(64 if read else 0))
            with self.subTest(count=count):
                self.both(serve, errno.EPROTO)

    def test_045_more_data_than_asked_for(self):
        def serve(on, message):
            on.reply(message, message.payload[:8] + struct.pack("<Q", 65) + bytes(65))
        self.client.set_local(0, b"\xee" * 256)
        self.both(serve, errno.EPROTO)
        self.client.serve = serve
        self.client.set_local(0, b"\xee" * 256)
        self.assertEqual(self.client.dma(READ | regs.DMA_WAIT, BASE, 64), errno.EPROTO)
        self.assertEqual(self.client.local(64, 192), b"\xee" * 192, "not a byte behind the buffer")

    def test_045_a_mebibyte_more_than_asked_for(self):
        self.both(lambda on, m: on.reply(m, m.payload[:16] + bytes(MIB)), errno.EPROTO)

    def test_045_less_data_than_its_count(self):
        def serve(on, message):
            on.reply(message, message.payload[:16] + bytes(63 if message.command == vu.DMA_READ else 1))
        self.both(serve, errno.EPROTO)

    def test_045_wrong_address(self):
        def serve(on, message):
            address, count = struct.unpack_from("<QQ", message.payload)
            data = bytes(count) if message.command == vu.DMA_READ else b""
            on.reply(message, struct.pack("<QQ", address ^ 0x1000, count) + data)
        self.both(serve, errno.EPROTO)

    def test_045_truncated_payload(self):
        for n in (0, 1, 7, 8, 11, 15):
            with self.subTest(n=n):
                self.both(lambda on, m, n=n: on.reply(m, m.payload[:n]), errno.EPROTO)

    def test_045_bare_header_or_4_byte_count_for_a_write(self):
        # The older text of the specification has 12 bytes here; a bare header is QEMU 10.1's mistake.
        def serve(on, message):
            on.reply(message, message.payload[:12])
        for way in WAYS:
            self.client.serve = serve
            self.assertEqual(self.client.dma(WRITE | way, BASE, 64), 0)
            self.client.serve = lambda on, message: on.reply(message)
            self.assertEqual(self.client.dma(WRITE | way, BASE, 64), errno.EPROTO)

    def test_045_fds_with_a_reply_are_closed(self):
        marked = self.memfd(4096, "stray")

        def serve(on, message):
            on.reply(message, message.payload[:16] + (bytes(64) if message.command == vu.DMA_READ else b""),
                     [marked] * 3)
        self.both(serve, (0, errno.EPROTO))
        self.assertFalse(self.server.holds("memfd:stray"))

    def test_045_reply_of_another_command(self):
        # It could belong to anything: the end of the connection, or of the request.
        self.both(lambda on, m: on.reply(m, m.payload[:16], command=vu.DEVICE_GET_INFO), 0, lives=False)

    def test_045_reply_to_another_id_is_not_taken_for_this_one(self):
        def serve(on, message):
            on.reply(message, message.payload[:16] + b"\xbd" * 64, msg_id=message.id ^ 0x4000)
            self.client.serve_from_memory(on, message)
        for way in WAYS:
            self.memory.bytes[:64] = data = os.urandom(64)
            self.client.serve = serve
            try:
                if self.client.dma(READ | way, BASE, 64) == 0:
                    self.assertEqual(self.client.local(0, 64), data)
            except (vu.PeerClosed, vu.PeerClosedInsideMessage):  # defined as well
                self.reconnect()
                self.memory = self.client.message_memory(BASE, MIB)

    def test_045_reply_that_comes_twice(self):
        def serve(on, message):
            self.client.serve_from_memory(on, message)
            on.reply(message, message.payload[:16] + b"\xbd" * 64)
        for way in WAYS:
            self.memory.bytes[:64] = data = os.urandom(64)
            self.client.serve = serve
            try:
                self.assertEqual(self.client.dma(READ | way, BASE, 64), 0)
                self.assertEqual(self.client.local(0, 64), data)
            except (vu.PeerClosed, vu.PeerClosedInsideMessage):
                self.reconnect()
                self.memory = self.client.message_memory(BASE, MIB)

    def test_045_end_of_file_in_the_middle_of_a_reply(self):
        for way in WAYS:
            for command in (READ, WRITE):
                for cut in (0, 1, 15, 16, 17, 31, 32, 33, 79):
                    self.client.dma_start(command | way, BASE, 64)
                    asked = self.client.receive_command()
                    whole = vu.message(asked.command, asked.payload[:16] + bytes(64 if command == READ else 0),
                                       msg_id=asked.id, flags=vu.TYPE_REPLY)
                    self.client.out.send_raw(whole[:cut])
                    self.reconnect()
                    self.memory = self.client.message_memory(BASE, MIB)

    def test_045_reply_one_byte_at_a_time(self):
        self.memory.bytes[:64] = data = os.urandom(64)

        def serve(on, message):
            whole = vu.message(message.command, message.payload[:16] + (data if message.command == vu.DMA_READ
                                                                        else b""),
                               msg_id=message.id, flags=vu.TYPE_REPLY)
            for i in range(len(whole)):
                on.send_raw(whole[i:i + 1])
                if i % 16 == 0:
                    on.wait_consumed()
        self.both(serve, 0)
        self.assertEqual(self.client.local(0, 64), data)

    def test_045_late_reply_is_dropped_and_not_taken_for_another(self):
        late = []
        for way in WAYS:
            for command in (READ, WRITE):
                with self.subTest(way=way, command=command):
                    self.memory.bytes[:64] = data = os.urandom(64)
                    self.client.set_local(0, data)
                    late.clear()
                    self.client.serve = lambda on, m: late.append(m)
                    self.assertEqual(self.client.dma(command | way, BASE, 64, timeout_ms=20), errno.ETIMEDOUT)
                    self.client.serve = self.client.serve_from_memory
                    # The old ones come after the new one was asked for, and before its own reply.
                    self.client.serve = lambda on, m: (
                        [on.reply(old, old.payload[:16] + (b"\xbd" * 64 if command == READ else b""))
                         for old in late], self.client.serve_from_memory(on, m))
                    self.assertEqual(self.client.dma(command | way, BASE, 64), 0)
                    self.assertEqual(self.client.local(0, 64), data)
                    self.assertEqual(self.memory.bytes[:64], data)

    def test_045_time_runs_out_without_any_traffic(self):
        # Nothing comes in that could remind the server of it.
        event = self.eventfd()
        self.client.set_irqs(vu.IRQ_MSIX, vu.SET_EVENTFD | vu.SET_TRIGGER, 0, 1, fds=[event])
        self.client.set(regs.REG_DONE_IRQ, vu.IRQ_MSIX << 16)
        self.client.hold_commands()
        for command in (READ, WRITE):
            self.client.dma_accepted(self.client.dma_start(command | regs.DMA_ASYNC, BASE, 64, timeout_ms=20))
            if "--one-thread" in self.arguments:  # server.h: "are looked at in rig_conn_dispatch() only"
                self.client.until_reg(regs.REG_DMA_IN_FLIGHT, 0, "the time runs out")
            self.assertEqual(vu.wait_event(event, "the command is done"), 1)
            self.assertEqual(self.client.reg(regs.REG_DMA_RESULT), errno.ETIMEDOUT)

    def test_045_first_of_several_that_fails_decides(self):
        def serve(on, message):
            if struct.unpack_from("<Q", message.payload)[0] == BASE + 3 * 4096:
                on.reply(message, error=errno.EPERM)
            else:
                self.client.serve_from_memory(on, message)
        self.both(serve, errno.EPERM, length=64, count=8, stride=4096)

    def test_045_answers_to_many_in_reverse_order(self):
        asked = []

        def serve(on, message):
            asked.append(message)
            if len(asked) == 64:
                while asked:
                    self.client.serve_from_memory(on, asked.pop())
        self.memory.bytes[:] = data = os.urandom(MIB)
        self.client.serve = serve
        self.assertEqual(self.client.dma(READ | regs.DMA_ASYNC, BASE, 4096, count=64, stride=8192), 0)
        self.assertEqual(self.client.local(0, 64 * 4096),
                         b"".join(data[i * 8192:i * 8192 + 4096] for i in range(64)))


class AnswersWithTwin(Answers):
    capabilities = dc.TWIN


class AnswersOnOneThread(Answers):
    arguments = ("--one-thread",)


class Crossing(DeviceTestCase):
    """46: the client's own requests while the server waits for an answer to one of its."""

    def setUp(self):
        super().setUp()
        self.memory = self.client.message_memory(BASE, MIB)
        self.memory.bytes[:64] = self.data = os.urandom(64)

    def wait_and_ask(self, same_id):
        """The ids of a DMA access and of commands sent while the server waits for the answer, which it then gets."""
        access = self.client.dma_start(READ | regs.DMA_WAIT, BASE, 64)
        asked = self.client.receive_command()
        ids = []
        for i in range(16):
            msg_id = asked.id if same_id else None
            ids.append(self.client.send(vu.REGION_WRITE, vu.region_write_payload(
                0, regs.REG_MEMORY + 4 * i, struct.pack("<I", 0x1000 + i)), msg_id=msg_id))
            ids.append(self.client.send(vu.REGION_READ, vu.region_read_payload(
                0, regs.REG_MEMORY + 4 * i, 4), msg_id=msg_id))
        self.client.serve_from_memory(self.client, asked)
        return access, ids

    def test_046_commands_are_neither_lost_nor_misparsed(self):
        for same_id in (False, True):
            access, ids = self.wait_and_ask(same_id)
            self.client.dma_accepted(access)
            for i in range(16):
                self.assertFalse(self.client.receive_reply(vu.REGION_WRITE, ids[2 * i]).is_error)
                self.assertEqual(self.client.read_reply(ids[2 * i + 1]), struct.pack("<I", 0x1000 + i))
            self.assertEqual(self.client.local(0, 64), self.data)

    def test_046_commands_are_served_while_an_asynchronous_transfer_is_out(self):
        held = self.client.hold_commands()
        self.client.dma_accepted(self.client.dma_start(READ | regs.DMA_ASYNC, BASE, 64))
        self.client.wait_held(held, 1)
        self.assertEqual(self.client.reg(regs.REG_DMA_IN_FLIGHT), 1)
        self.client.set(regs.REG_SCRATCH, 46)
        self.assertEqual(self.client.reg(regs.REG_SCRATCH), 46)
        self.client.release_commands(held)
        self.client.until_reg(regs.REG_DMA_IN_FLIGHT, 0, "the transfer ends")
        self.assertEqual(self.client.reg(regs.REG_DMA_RESULT), 0)
        self.assertEqual(self.client.local(0, 64), self.data)

    def test_046_command_in_pieces_around_the_reply(self):
        # The two directions share a stream: half a command cannot be followed by a reply, but the reply may be
        # followed by half a command.
        write = vu.message(vu.REGION_WRITE, vu.region_write_payload(0, regs.REG_SCRATCH, b"\x11\x22\x33\x44"),
                           msg_id=7)
        for cut in range(len(write) + 1):
            access = self.client.dma_start(READ | regs.DMA_WAIT, BASE, 64)
            asked = self.client.receive_command()
            self.client.send_raw(vu.message(asked.command, asked.payload[:16] + self.data, msg_id=asked.id,
                                            flags=vu.TYPE_REPLY) + write[:cut])
            self.client.dma_accepted(access)
            self.client.send_raw(write[cut:])
            self.assertFalse(self.client.receive_reply(vu.REGION_WRITE, 7).is_error)
            self.assertEqual(self.client.reg(regs.REG_SCRATCH), 0x44332211)

    def test_046_reply_and_commands_in_one_write(self):
        access = self.client.dma_start(READ | regs.DMA_WAIT, BASE, 64)
        asked = self.client.receive_command()
        info = vu.message(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=asked.id)
        reply = vu.message(asked.command, asked.payload[:16] + self.data, msg_id=asked.id, flags=vu.TYPE_REPLY)
        self.client.send_raw(info * 3 + reply + info * 3)
        self.client.dma_accepted(access)
        for _ in range(6):
            self.assertFalse(self.client.receive_reply(vu.DEVICE_GET_INFO, asked.id).is_error)

    def test_046_posted_writes_and_refused_commands_meanwhile(self):
        access = self.client.dma_start(WRITE | regs.DMA_WAIT, BASE, 64)
        asked = self.client.receive_command()
        self.client.region_post(0, regs.REG_SCRATCH, struct.pack("<I", 5))
        bad = self.client.send(vu.REGION_READ, vu.region_read_payload(0, 0, 1 << 30), msg_id=asked.id)
        unknown = self.client.send(99, b"", msg_id=asked.id)
        map_id = self.client.send(vu.DMA_MAP, vu.dma_map_payload(0, 4096))
        self.client.serve_from_memory(self.client, asked)
        # In what order replies come is not said: refusing may need no device.
        expected = {(vu.REGION_WRITE, access): False, (vu.REGION_READ, bad): True, (99, unknown): True,
                    (vu.DMA_MAP, map_id): False}
        while expected:
            reply = self.client.receive()
            self.assertEqual(reply.is_error, expected.pop((reply.command, reply.id)), reply)
        self.assertEqual(self.client.reg(regs.REG_SCRATCH), 5)

    def test_046_unmap_of_memory_that_a_transfer_is_out_for(self):
        # Answered when the server has no more use for it; a new map of the range is another one.
        held = self.client.hold_commands()
        self.client.dma_accepted(self.client.dma_start(READ | regs.DMA_ASYNC, BASE, 64))
        self.client.wait_held(held, 1)
        unmap = self.client.send(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE, MIB))
        for _ in range(3):
            self.client.round_trip()
        self.client.release_commands(held)
        self.assertFalse(self.client.receive_reply(vu.DMA_UNMAP, unmap).is_error)
        self.client.dma_map(BASE, MIB)


class CrossingOnOneThread(Crossing):
    arguments = ("--one-thread",)


if __name__ == "__main__":
    unittest.main()
