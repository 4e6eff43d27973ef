# SPDX-License-Identifier: BSD-3-Clause
"""Clients that do not behave, with everything of the device in use (rules 6, 9 to 11, 29, 101, 102, 104)."""
import os
import random
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import device_client as dc
import test_device_regs as regs
import vfio_user_client as vu
from fixture import Device, DeviceTestCase

BASE = 1 << 32
MIB = 1 << 20
PAGE = 4096
ATTACH = vu.SET_EVENTFD | vu.SET_TRIGGER
HUNG_UP = (vu.PeerClosed, vu.PeerClosedInsideMessage)


class HostileTestCase(DeviceTestCase):
    def busy(self, client):
        """In each state that requests can be in: DMA reads unanswered, reads and a transition that wait, a pin."""
        client.dma_map(BASE, MIB, self.memfd(MIB))
        client.message_memory(BASE + MIB, MIB)
        client.set_irqs(vu.IRQ_MSIX, ATTACH, 0, 4, fds=self.eventfds(4))
        client.set_irqs(vu.IRQ_INTX, vu.SET_EVENTFD | vu.SET_UNMASK, 0, 1, fds=self.eventfds(1))
        client.logging_start()
        client.set(regs.REG_DMA_HOLD_MS, 5)
        client.dma_accepted(client.dma_start(regs.DMA_FILL | regs.DMA_PIN | regs.DMA_HOLD, BASE, PAGE))
        client.hold_commands()
        client.dma_accepted(client.dma_start(regs.DMA_READ | regs.DMA_ASYNC, BASE + MIB, 64, count=8, timeout_ms=60000))
        client.defer(regs.KIND_READ)
        for _ in range(4):
            client.read_request()
        client.region_post(0, regs.REG_DEFER_KINDS, struct.pack("<II", regs.KIND_TRANSITION, 20))
        client.send(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", vu.STATE_STOP, 0)))


class Noise(HostileTestCase):
    connected = False
    STATES = ("before the handshake", "idle", "busy", "twin")

    def connect_in(self, state):
        """A client in that state: where to send noise to."""
        if state == "before the handshake":
            client = dc.DeviceClient(self.path(), handshake=False)
        else:
            client = dc.connect_when_free(self.path(), capabilities=dc.TWIN if state == "twin" else None)
        if state == "busy":
            self.busy(client)
        return client

    def noise(self, rng):
        """Bytes that look like messages the longer, the more."""
        kind = rng.randrange(4)
        if kind == 0:
            return rng.randbytes(rng.choice((1, 15, 16, 17, 64, 5000)))
        if kind == 1:
            n = rng.choice((0, 4, 16, 32, 200))
            return vu.message(rng.randrange(20), rng.randbytes(n), msg_id=rng.randrange(65536),
                              flags=rng.choice((0, 0, 0, 1, 0x10, 0x21, rng.getrandbits(32))))
        if kind == 2:
            return vu.message(rng.choice((vu.DMA_READ, vu.DMA_WRITE)), rng.randbytes(rng.choice((0, 16, 80))),
                              msg_id=rng.randrange(64), flags=vu.TYPE_REPLY)
        return vu.header(rng.randrange(20), 0, size=rng.choice((16, 17, 1 << 10, 1 << 20, (1 << 20) + 17, 1 << 31)))

    def shout(self, client, rng):
        """Noise, and some fds, until the server hangs up or we do. What it says is read and dropped."""
        marked = self.memfd(PAGE, "stray")
        for _ in range(rng.randrange(1, 40)):
            target = client.twin if client.twin and rng.random() < 0.5 else client
            try:
                target.send_raw(self.noise(rng), [marked] * rng.choice((0, 0, 0, 1, 3)))
                while target.has_input():
                    if not target.socket.recv(65536, socket.MSG_DONTWAIT):
                        return
            except (*HUNG_UP, BlockingIOError, ConnectionError):
                return

    def test_011_noise_in_every_state(self):
        for state in self.STATES:
            for seed in range(60):
                rng = random.Random(f"{state} {seed}")
                with self.subTest(state=state, seed=seed):
                    with self.connect_in(state) as client:
                        client.deadline_s = 0.5  # the server may wait for the rest of a message that never comes
                        try:
                            self.shout(client, rng)
                        except vu.Late:
                            pass
                    self.assertFalse(self.lost_server(), f"{state}, seed {seed}")
        with dc.connect_when_free(self.path()):
            vu.wait_until(lambda: not self.server.holds("memfd:stray"), "the fds closed")


class Cut(HostileTestCase):
    """101: the connection drops at each byte of a script, with DMA messages in flight."""

    connected = False

    def script(self):
        """[(bytes, fds)], the whole of what a busy client says after its handshake."""
        guest, irqs = self.memfd(MIB), self.eventfds(2)
        engine = dc.DeviceClient.dma_payload

        def command(number, payload=b"", fds=(), **fields):
            return vu.message(number, payload, **fields), fds

        def put(offset, *values):
            data = struct.pack(f"<{len(values)}I", *values)
            return command(vu.REGION_WRITE, vu.region_write_payload(0, offset, data), flags=vu.FLAG_NO_REPLY)
        return [
            command(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [guest]),
            command(vu.DMA_MAP, vu.dma_map_payload(BASE + MIB, MIB)),
            command(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, ATTACH, 0, 2), irqs),
            put(regs.REG_DMA_HOLD_MS, 1),
            command(vu.REGION_WRITE, engine(regs.DMA_READ | regs.DMA_ASYNC, BASE + MIB, 16, count=4, timeout_ms=60000)),
            command(vu.REGION_WRITE, engine(regs.DMA_FILL | regs.DMA_PIN | regs.DMA_HOLD, BASE, 16)),
            put(regs.REG_DEFER_KINDS, regs.KIND_READ, 1),
            command(vu.REGION_READ, vu.region_read_payload(0, regs.REG_MEMORY, 16)),
            command(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE, MIB)),
            command(vu.DMA_WRITE, struct.pack("<QQ", BASE + MIB, 16), msg_id=0, flags=vu.TYPE_REPLY),
        ]

    def test_101_dropped_at_every_byte(self):
        script = self.script()
        total = sum(len(data) for data, _ in script)
        for cut in range(total + 1):
            with dc.connect_when_free(self.path()) as client:
                left = cut
                for data, fds in script:
                    if left <= 0:
                        break
                    client.send_raw(data[:left], fds)
                    left -= len(data)
                if cut % 3 == 0:
                    client.wait_consumed()
                if cut % 7 == 0:
                    client.socket.shutdown(socket.SHUT_WR)
            if cut % 50 == 0:
                self.assertFalse(self.lost_server(), f"after {cut} bytes")
        with dc.connect_when_free(self.path()) as client:
            client.round_trip()
        vu.wait_until(lambda: not self.server.holds("memfd:guest"), "the memory is released")

    def test_101_dropped_at_every_byte_of_replies_to_dma(self):
        for way in (regs.DMA_WAIT, regs.DMA_ASYNC):
            for cut in range(0, 2 * 48 + 1, 5):
                with dc.connect_when_free(self.path()) as client:
                    client.message_memory(BASE, MIB)
                    client.dma_start(regs.DMA_READ | way, BASE, 16, count=2, stride=16, timeout_ms=60000)
                    asked = client.receive_command()
                    reply = vu.message(asked.command, asked.payload[:16] + bytes(16), msg_id=asked.id, flags=1)
                    client.send_raw(reply[:cut])
                    if cut > len(reply):
                        asked = client.receive_command()
                        client.send_raw(vu.message(asked.command, asked.payload[:16] + bytes(16), msg_id=asked.id,
                                                   flags=1)[:cut - len(reply)])


class CutOnOneThread(Cut):
    arguments = ("--one-thread",)


class Unread(HostileTestCase):
    """104: the client sends, and does not read."""

    @classmethod
    def start(cls):
        # What AddressSanitizer keeps of freed memory is no growth of the server's.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        return Device(cls.directory, cls.arguments, env={**os.environ, "ASAN_OPTIONS": options})

    def rss_kib(self):
        return self.server.status_kib("VmRSS")

    def send_patiently(self, data, limit_s=0.5):
        """As much as the server takes. True: all of it."""
        self.client.deadline_s = limit_s
        try:
            self.client.send_raw(data)
            return True
        except vu.Late:
            return False
        finally:
            self.client.deadline_s = vu.DEADLINE

    def test_104_dma_reads_in_flight_and_nobody_reads(self):
        self.client.message_memory(BASE, MIB)
        before = self.rss_kib()
        for command, length, count in ((regs.DMA_READ, 4096, 64), (regs.DMA_WRITE, 65536, 16), (regs.DMA_READ, 1, 64)):
            self.client.dma_start(command | regs.DMA_ASYNC, BASE, length, count=count, timeout_ms=60000)
        self.client.wait_consumed()
        self.assertLess(self.rss_kib(), before + 64 * 1024)
        self.reconnect()

    def test_104_device_that_waits_for_who_does_not_read(self):
        self.client.message_memory(BASE, MIB)
        ids = [self.client.dma_start(regs.DMA_WRITE | regs.DMA_WAIT, BASE, MIB, timeout_ms=100) for _ in range(3)]
        self.client.wait_consumed()
        for msg_id in ids:
            self.client.dma_accepted(msg_id)
        self.assertEqual(self.client.reg(regs.REG_DMA_DONE), 3)
        self.assertEqual(self.client.dma(regs.DMA_WRITE | regs.DMA_WAIT, BASE, MIB), 0)

    def test_104_messages_that_time_out_one_after_the_other_do_not_pile_up(self):
        # Asked for again and again by the device, never read or answered by the client.
        self.client.message_memory(BASE, MIB)
        for _ in range(50):
            self.client.region_post(0, regs.REG_DMA_ADDRESS, dc.DeviceClient.dma_payload(
                regs.DMA_READ | regs.DMA_ASYNC, BASE, 4096, count=64, timeout_ms=1)[16:])
        self.client.wait_consumed()
        before = self.rss_kib()
        for _ in range(200):
            self.client.region_post(0, regs.REG_DMA_ADDRESS, dc.DeviceClient.dma_payload(
                regs.DMA_READ | regs.DMA_ASYNC, BASE, 4096, count=64, timeout_ms=1)[16:])
        self.client.wait_consumed()
        self.assertLess(self.rss_kib(), before + 16 * 1024)

    def test_104_client_that_reads_and_never_answers(self):
        # Each request that timed out keeps its id, for a late reply: there are 65536 of them.
        self.client.message_memory(BASE, MIB)
        self.client.serve = lambda on, m: None
        before = self.rss_kib()
        for _ in range(1030):
            self.client.region_post(0, regs.REG_DMA_ADDRESS, dc.DeviceClient.dma_payload(
                regs.DMA_READ | regs.DMA_ASYNC, BASE, 1, count=64, timeout_ms=1)[16:])
            self.client.until_reg(regs.REG_DMA_IN_FLIGHT, 0, "they time out")
            self.assertNotEqual(self.client.reg(regs.REG_DMA_RESULT), 0)
        self.assertLess(self.rss_kib(), before + 32 * 1024)
        self.reconnect()
        memory = self.client.message_memory(BASE, MIB)
        memory.bytes[:5] = b"again"
        self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_WAIT, BASE, 5), 0)
        self.assertEqual(self.client.local(0, 5), b"again")

    def test_104_1000000_posted_writes_without_reading(self):
        before = self.rss_kib()
        post = vu.message(vu.REGION_WRITE, vu.region_write_payload(0, regs.REG_SCRATCH, bytes(4)),
                          flags=vu.FLAG_NO_REPLY)
        for _ in range(250):
            self.client.send_raw(post * 4000)
            self.assertLess(self.rss_kib(), before + 16 * 1024)
        self.client.region_post(0, regs.REG_SCRATCH, b"last")
        self.assertEqual(self.client.region_read(0, regs.REG_SCRATCH, 4), b"last")
        self.assertLess(self.rss_kib(), before + 16 * 1024)

    def test_104_posted_writes_that_are_answered_late(self):
        before = self.rss_kib()
        self.client.defer(regs.KIND_WRITE, 1)
        post = vu.message(vu.REGION_WRITE, vu.region_write_payload(1, 0, bytes(64)), flags=vu.FLAG_NO_REPLY)
        for _ in range(10):
            self.client.send_raw(post * 500)
        self.client.round_trip()
        self.assertLess(self.rss_kib(), before + 16 * 1024)

    def test_104_large_reads_without_reading_the_replies(self):
        before = self.rss_kib()
        read = vu.message(vu.REGION_READ, vu.region_read_payload(1, 0, MIB), msg_id=1)
        n = 0
        while n < 20000 and self.client.send_some(read) == len(read):
            n += 1
            if n % 1000 == 0:
                self.assertLess(self.rss_kib(), before + 96 * 1024)
        self.assertLess(self.rss_kib(), before + 96 * 1024)
        self.reconnect()

    def test_104_reads_that_wait_without_reading_the_replies(self):
        self.client.defer(regs.KIND_READ, 1)
        before = self.rss_kib()
        self.send_patiently(vu.message(vu.REGION_READ, vu.region_read_payload(1, 0, 65536), msg_id=1) * 5000)
        self.assertLess(self.rss_kib(), before + 64 * 1024)
        self.reconnect()


class Slow(HostileTestCase):
    def test_006_one_byte_at_a_time(self):
        guest, event = self.memfd(MIB), self.eventfd()
        self.client.message_memory(BASE + MIB, PAGE)
        copy = self.client.dma_payload(regs.DMA_COPY | regs.DMA_WAIT, BASE, 64, second=BASE + MIB)
        for command, payload, fds in (
                (vu.DEVICE_GET_INFO, vu.get_info_payload(), ()), (vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [guest]),
                (vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSI, ATTACH, 0, 1), [event]),
                (vu.REGION_WRITE, copy, ()),
                (vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_GET | vu.FEATURE_MIG_STATE, b"", 16), ()),
                (vu.DEVICE_RESET, b"", ())):
            whole = vu.message(command, payload, msg_id=9)
            self.client.send_raw(whole[:1], fds)
            for i in range(1, len(whole)):
                self.client.wait_consumed()
                self.client.send_raw(whole[i:i + 1])
            self.assertFalse(self.client.receive_reply(command, 9).is_error)

    def test_006_replies_read_one_byte_at_a_time(self):
        self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        data = os.urandom(2000)
        self.client.region_write(1, 0, data)
        for i in range(20):
            self.client.send(vu.REGION_READ, vu.region_read_payload(1, 0, 2000), msg_id=i)
        stream = bytearray()
        while len(stream) < 20 * 2032:
            self.client.socket.setblocking(True)
            stream += self.client.socket.recv(1 if len(stream) % 100 else 900)
        self.client.socket.setblocking(False)
        for i in range(20):
            self.assertEqual(stream[i * 2032 + 32:(i + 1) * 2032], data)


class NoFds(HostileTestCase):
    """29: a client that takes no fds at all gets none, and everything else."""

    capabilities = {"max_msg_fds": 0, "sparse_mmap_fds": True, "twin_socket": {"supported": True}}

    def test_029_no_reply_carries_fds(self):
        self.assertEqual(self.client.version_fds, [])
        for index in range(self.client.get_info()[1]):
            info = self.client.region_info(index)
            self.assertEqual((info["fds"], info["flags"] & vu.REGION_FLAG_MMAP), ([], 0), index)
        for index in range(vu.PCI_REGIONS - 1):
            self.assertEqual(self.client.region_io_fds(index)["fds"], [])

    def test_029_the_client_may_send_some_all_the_same(self):
        event = self.eventfd()
        self.client.set_irqs(vu.IRQ_MSI, ATTACH, 0, 1, fds=[event])
        self.client.set(regs.REG_TRIGGER, vu.IRQ_MSI << 16)
        self.assertEqual(vu.count_of(event), 1)
        self.client.dma_map(BASE, PAGE, self.memfd(PAGE))
        self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_PIN, BASE, 16), 0)


class HungUpByTheDevice(HostileTestCase):
    def test_102_device_hangs_up_on_its_client(self):
        for busy in (False, True):
            if busy:
                self.busy(self.client)
            try:
                self.client.region_post(0, regs.REG_HANG_UP, struct.pack("<I", regs.HANG_UP_CLIENT))
                self.client.wait_closed()
            except HUNG_UP:
                pass
            self.reconnect()


if __name__ == "__main__":
    unittest.main()
