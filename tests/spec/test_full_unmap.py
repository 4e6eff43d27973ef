# SPDX-License-Identifier: BSD-3-Clause
"""Guest memory comes and goes while the device uses it: pins, quiescing, limits (rules 36 to 43, 101 to 103)."""
import errno
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_device_regs as regs
import vfio_user_client as vu
from fixture import DeviceTestCase

BASE = 1 << 32
MIB = 1 << 20
PAGE = 4096
ALL = vu.dma_unmap_payload(0, 0, vu.DMA_UNMAP_ALL)


class UnmapTestCase(DeviceTestCase):
    def setUp(self):
        super().setUp()
        self.fd = self.memfd(4 * MIB)

    def pin(self, address, length=PAGE, hold_ms=60000):
        self.client.set(regs.REG_DMA_HOLD_MS, hold_ms)
        self.assertEqual(self.client.dma(regs.DMA_WRITE | regs.DMA_PIN | regs.DMA_HOLD, address, length), 0)

    def unpin(self):
        self.client.region_post(0, regs.REG_DMA_UNPIN, bytes(4))

    def send_unmap(self, payload=None):
        return self.client.send(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE, MIB) if payload is None else payload)

    def assert_waits(self):
        """Others are served, and the reply does not come (round_trip() takes no other)."""
        for i in range(5):
            self.client.round_trip()
            self.client.set(regs.REG_SCRATCH, i)
        self.assertFalse(self.client.has_input())

    def wait_released(self):
        if "--one-thread" in self.arguments:  # server.h: "in the dispatch of the next one"
            self.let_next_client_go_at_once()
        vu.wait_until(lambda: not self.server.holds("memfd:guest"), "the memory is released")

    def let_next_client_go_at_once(self):
        with vu.connect_when_free(self.path()) as client:
            client.region_write(0, regs.REG_DEFER_KINDS, bytes(12))

    def finish(self, *ids):
        for command, msg_id in ids:
            self.assertFalse(self.client.receive_reply(command, msg_id).is_error)


class Pins(UnmapTestCase):
    def setUp(self):
        super().setUp()
        self.client.dma_map(BASE, MIB, self.fd)

    def test_039_unmap_waits_for_a_pin_while_others_are_served(self):
        self.pin(BASE + PAGE)
        unmap = self.send_unmap()
        self.assert_waits()
        self.assertTrue(self.server.holds("memfd:guest"))
        self.unpin()
        reply = self.client.receive_reply(vu.DMA_UNMAP, unmap)
        self.assertEqual(reply.payload, vu.dma_unmap_payload(BASE, MIB))
        self.assertFalse(self.server.holds("memfd:guest"))

    def test_039_device_lets_go_by_itself(self):
        self.pin(BASE, hold_ms=20)
        self.client.dma_unmap(BASE, MIB)
        self.assertEqual(self.client.reg(regs.REG_DMA_HELD), 0)

    def test_039_nothing_is_reached_while_the_unmap_waits(self):
        self.pin(BASE)
        unmap = self.send_unmap()
        for way in (regs.DMA_PIN, regs.DMA_TRANSLATE, regs.DMA_WAIT, regs.DMA_ASYNC):
            self.assertEqual(self.client.dma(regs.DMA_READ | way, BASE + PAGE, 16), errno.EFAULT)
        self.unpin()
        self.finish((vu.DMA_UNMAP, unmap))

    def test_039_other_maps_come_and_go_meanwhile(self):
        self.client.dma_map(BASE + MIB, MIB, self.fd, offset=MIB)
        self.pin(BASE)
        unmap = self.send_unmap()
        self.client.dma_unmap(BASE + MIB, MIB)
        self.client.dma_map(BASE + 2 * MIB, MIB, self.fd)
        self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_PIN, BASE + 2 * MIB, 16), 0)
        self.unpin()
        self.finish((vu.DMA_UNMAP, unmap))

    def test_039_pin_over_two_maps_holds_both(self):
        self.client.dma_map(BASE + MIB, MIB, self.fd, offset=MIB)
        self.pin(BASE + MIB - PAGE, 2 * PAGE)
        unmaps = [self.send_unmap(vu.dma_unmap_payload(BASE + i * MIB, MIB)) for i in range(2)]
        self.assert_waits()
        self.unpin()
        replies = {self.client.receive().id for _ in unmaps}
        self.assertEqual(replies, set(unmaps))

    def test_040_second_unmap_of_what_is_going_is_refused(self):
        self.pin(BASE)
        unmap = self.send_unmap()
        self.assertEqual(self.client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE, MIB)), errno.ENOENT)
        self.unpin()
        self.finish((vu.DMA_UNMAP, unmap))

    def test_041_unmap_all_waits_for_pins(self):
        self.client.dma_map(BASE + MIB, MIB, self.fd, offset=MIB)
        self.client.dma_map(BASE + 2 * MIB, MIB)
        self.pin(BASE + MIB)
        unmap = self.send_unmap(ALL)
        self.assert_waits()
        self.unpin()
        reply = self.client.receive_reply(vu.DMA_UNMAP, unmap)
        self.assertEqual(reply.payload, ALL)
        for i in range(3):
            self.assertEqual(self.client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE + i * MIB, MIB)), errno.ENOENT)

    def test_041_unmap_all_twice_and_behind_an_unmap(self):
        self.pin(BASE)
        ids = [self.send_unmap(), self.send_unmap(ALL), self.send_unmap(ALL)]
        self.assert_waits()
        self.unpin()
        replies = {self.client.receive().id for _ in ids}
        self.assertEqual(replies, set(ids))

    def test_042_malformed_unmap_all_behind_one_that_waits_is_refused(self):
        self.pin(BASE)
        unmap = self.send_unmap(ALL)
        malformed = [self.send_unmap(vu.dma_unmap_payload(address, size, flags)) for address, size, flags in (
            (BASE, MIB, 2), (0, MIB, 2), (BASE, 0, 2), (0, 0, 4), (0, 0, 3))]
        self.unpin()
        replies = {reply.id: reply.is_error for reply in (self.client.receive() for _ in range(6))}
        self.assertEqual(replies, {unmap: False, **dict.fromkeys(malformed, True)})

    def test_043_map_of_what_is_going_waits_for_it(self):
        self.pin(BASE)
        unmap = self.send_unmap()
        again = self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [self.fd])
        self.assert_waits()
        self.unpin()
        self.finish((vu.DMA_UNMAP, unmap), (vu.DMA_MAP, again))
        self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_PIN, BASE, 16), 0)

    def test_043_many_maps_behind_an_unmap_all(self):
        self.pin(BASE)
        unmap = self.send_unmap(ALL)
        maps = [self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE + i * MIB, MIB), [self.fd]) for i in range(10)]
        self.assert_waits()
        self.unpin()
        self.finish((vu.DMA_UNMAP, unmap), *((vu.DMA_MAP, msg_id) for msg_id in maps))

    def test_101_client_that_is_gone_takes_pinned_memory_with_it(self):
        for pending in (False, True):
            self.pin(BASE, hold_ms=20)
            if pending:
                self.client.set(regs.REG_DMA_HOLD_MS, 20)
                self.send_unmap()
                self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [self.fd])
                self.client.wait_consumed()
            self.reconnect()
            self.assertEqual(self.client.reg(regs.REG_DMA_HELD), 0)
            self.assertFalse(self.server.holds("memfd:guest"))
            self.client.dma_map(BASE, MIB, self.fd)

    def test_101_client_is_gone_and_nobody_comes_after(self):
        self.pin(BASE, hold_ms=20)
        self.client.close()
        self.wait_released()

    def test_103_new_client_is_told_ebusy_until_the_device_let_go(self):
        self.pin(BASE, hold_ms=1500)
        self.client.close()
        told = []

        def served():
            with vu.Client(self.path(), handshake=False) as client:
                reply = client.request(vu.VERSION, vu.version_payload({}))
                told.append(reply.error)
                return not reply.is_error
        vu.wait_until(served, "a place for the next client")
        self.assertEqual(set(told[:-1]), {errno.EBUSY})

    def test_105_process_ends_with_memory_pinned(self):
        self.pin(BASE, hold_ms=20)
        self.server.stop()
        type(self).server = self.start()


class PinsOnOneThread(Pins):
    arguments = ("--one-thread",)


class Quiesce(UnmapTestCase):
    """The device goes quiet before memory comes or goes."""

    def counts(self):
        return struct.unpack("<3I", self.client.region_read(0, regs.REG_MAPPED, 12))  # MAPPED, UNMAPPED, QUIESCES

    def test_030_device_is_told_of_each(self):
        mapped, unmapped, quiesces = self.counts()
        self.client.dma_map(BASE, MIB, self.fd)
        self.assertEqual(self.counts(), (mapped + 1, unmapped, quiesces + 1))
        self.client.dma_unmap(BASE, MIB)
        self.assertEqual(self.counts(), (mapped + 1, unmapped + 1, quiesces + 2))
        for i in range(3):
            self.client.dma_map(BASE + i * MIB, MIB)
        self.client.dma_unmap(0, 0, vu.DMA_UNMAP_ALL)
        self.assertEqual(self.counts()[:2], (mapped + 4, unmapped + 4))

    def test_033_what_is_refused_anyway_does_not_disturb_the_device(self):
        self.client.dma_map(BASE, MIB, self.fd)
        before = self.counts()
        self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [self.fd])
        self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE + MIB, 0))
        self.client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE, PAGE))
        self.client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(BASE, MIB, 2))
        self.assertEqual(self.counts(), before)

    def test_039_device_that_goes_quiet_late(self):
        self.client.defer(regs.KIND_QUIESCE, 30)
        ids = [(vu.DMA_MAP, self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [self.fd])),
               (vu.DMA_UNMAP, self.send_unmap()),
               (vu.DMA_MAP, self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE, PAGE), [self.fd])),
               (vu.DMA_UNMAP, self.send_unmap(ALL))]
        self.finish(*ids)
        self.client.defer(0)
        self.assertFalse(self.server.holds("memfd:guest"))

    def test_101_client_is_gone_and_nobody_comes_after(self):
        self.client.dma_map(BASE, MIB, self.fd)
        self.client.defer(regs.KIND_QUIESCE, 20)
        self.client.close()
        self.wait_released()
        self.let_next_client_go_at_once()

    def test_037_device_that_does_not_go_quiet_gets_no_memory(self):
        for late in (False, True):
            before = self.counts()
            if late:
                self.client.defer(regs.KIND_QUIESCE, 1, errno.EBUSY)
            else:
                self.client.fail(regs.KIND_QUIESCE, errno.EBUSY)
            self.assertEqual(self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB), [self.fd]), errno.EBUSY)
            self.client.defer(0)
            self.assertFalse(self.server.holds("memfd:guest"))
            self.assertEqual(self.counts()[:2], before[:2])
            self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_PIN, BASE, 16), errno.EFAULT)
        self.client.dma_map(BASE, MIB, self.fd)

    def test_040_device_that_does_not_go_quiet_keeps_its_memory(self):
        self.client.dma_map(BASE, MIB, self.fd)
        for payload in (vu.dma_unmap_payload(BASE, MIB), ALL):
            before = self.counts()
            self.client.fail(regs.KIND_QUIESCE, errno.EBUSY)
            self.assertEqual(self.client.refused(vu.DMA_UNMAP, payload), errno.EBUSY)
            self.assertEqual(self.counts()[:2], before[:2])
            self.assertEqual(self.client.dma(regs.DMA_READ | regs.DMA_PIN, BASE, 16), 0)

    def test_101_client_is_gone_although_the_device_is_not_quiet(self):
        for late in (False, True):
            self.client.dma_map(BASE, MIB, self.fd)
            if late:
                self.client.defer(regs.KIND_QUIESCE, 20, errno.EBUSY)
            else:
                self.client.fail(regs.KIND_QUIESCE, errno.EBUSY)
            self.reconnect()
            self.assertFalse(self.server.holds("memfd:guest"))
            self.client.defer(0)

    def test_101_client_is_gone_while_the_device_goes_quiet(self):
        for unmap in (False, True):
            self.client.defer(regs.KIND_QUIESCE, 20)
            self.client.dma_map(BASE, MIB, self.fd)
            if unmap:
                self.send_unmap()
            else:
                self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE + MIB, MIB), [self.fd])
            self.client.wait_consumed()
            self.reconnect()
            self.client.defer(0)
            self.assertFalse(self.server.holds("memfd:guest"))


class QuiesceOnOneThread(Quiesce):
    arguments = ("--one-thread",)


class Limit(UnmapTestCase):
    arguments = ("--max-dma-maps=4",)

    def test_036_limit_is_announced_and_held(self):
        for capabilities in (vu.QEMU_CAPABILITIES, {}):
            self.reconnect(capabilities=capabilities)
            self.assertEqual(self.client.max_dma_maps, 4)
            for i in range(4):
                self.client.dma_map(BASE + i * MIB, MIB, self.fd if i % 2 else None)
            for fd in (None, self.memfd(MIB, "stray")):
                self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE + 4 * MIB, MIB), () if fd is None else (fd,))
            self.assertFalse(self.server.holds("memfd:stray"))

    def test_036_unmap_makes_room_and_a_refused_map_takes_none(self):
        for i in range(4):
            self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE, 0))
            self.client.dma_map(BASE + i * MIB, MIB)
        self.client.dma_unmap(BASE, MIB)
        self.client.dma_map(BASE + 8 * MIB, MIB)
        self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE, MIB))
        self.client.dma_unmap(0, 0, vu.DMA_UNMAP_ALL)
        for i in range(4):
            self.client.dma_map(BASE + i * MIB, MIB)

    def test_036_limit_is_for_each_client_anew(self):
        for _ in range(3):
            for i in range(4):
                self.client.dma_map(BASE + i * MIB, MIB)
            self.reconnect()

    def test_036_map_that_is_going_still_counts_or_not_but_comes_to_an_end(self):
        for i in range(4):
            self.client.dma_map(BASE + i * MIB, MIB, self.fd)
        self.pin(BASE, hold_ms=20)
        unmap = self.send_unmap()
        fifth = self.client.send(vu.DMA_MAP, vu.dma_map_payload(BASE + 8 * MIB, MIB), [self.fd])
        replies = {reply.id: reply for reply in (self.client.receive(), self.client.receive())}
        self.assertFalse(replies[unmap].is_error)
        self.assertIn(fifth, replies)


if __name__ == "__main__":
    unittest.main()
