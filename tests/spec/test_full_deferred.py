# SPDX-License-Identifier: BSD-3-Clause
"""Answers that come later: what goes on meanwhile, and what becomes of them when their client is gone.

What is deferred is answered by another thread of the device, or by its loop with --one-thread.
"""
import errno
import os
import random
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_device_regs as regs
import vfio_user_client as vu
from fixture import DeviceTestCase

BASE = 1 << 32
MEMORY = regs.REG_MEMORY


class Deferred(DeviceTestCase):
    def fill(self):
        """Each 4 bytes of BAR0's memory say where they are."""
        self.client.region_write(0, MEMORY, b"".join(struct.pack("<I", i) for i in range(256)))

    def waiting(self, n):
        """n reads that wait for RELEASE: {id: what each is to give}"""
        self.fill()
        self.client.defer(regs.KIND_READ)
        ids = {self.client.read_request(4, MEMORY + 4 * i): struct.pack("<I", i) for i in range(n)}
        self.client.until_reg(regs.REG_RELEASE, n, "the reads wait")
        return ids

    def receive_reads(self, expected):
        """All of these, in whatever order they come."""
        while expected:
            reply = self.client.receive()
            self.assertFalse(reply.is_error, reply)
            self.assertEqual(reply.payload[16:], expected.pop(reply.id))

    def test_046_others_go_on_while_reads_wait(self):
        ids = self.waiting(32)
        for i in range(20):
            self.client.round_trip()
            self.client.set(regs.REG_SCRATCH, i)
            self.assertEqual(self.client.reg(regs.REG_SCRATCH), i)
        self.client.dma_map(BASE, 4096)
        self.client.dma_unmap(BASE, 4096)
        self.client.release(32)
        self.receive_reads(ids)

    def test_later_read_overtakes_one_that_waits(self):
        (first,) = self.waiting(1)
        self.client.defer(regs.KIND_READ, 1)
        second = self.client.read_request(4, MEMORY + 4)
        self.assertEqual(self.client.read_reply(second), struct.pack("<I", 1))
        self.client.defer(0)
        third = self.client.read_request(4, MEMORY + 8)
        self.assertEqual(self.client.read_reply(third), struct.pack("<I", 2))
        self.client.release(1)
        self.assertEqual(self.client.read_reply(first), bytes(4))

    def test_one_at_a_time(self):
        ids = self.waiting(10)
        for msg_id, data in ids.items():
            self.client.release(1)
            self.assertEqual(self.client.read_reply(msg_id), data)

    def test_bytes_of_a_late_read_are_those_of_the_time_it_was_asked(self):
        ids = self.waiting(3)
        self.client.region_write(0, MEMORY, b"\xee" * 64)
        self.client.release(3)
        self.receive_reads(ids)

    def test_002_same_id_used_by_requests_that_wait(self):
        self.fill()
        self.client.defer(regs.KIND_READ)
        for i in range(10):
            self.client.send(vu.REGION_READ, vu.region_read_payload(0, MEMORY + 4 * i, 4), msg_id=7)
        self.client.until_reg(regs.REG_RELEASE, 10, "they wait")
        self.assertFalse(self.client.request(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=7).is_error)
        self.client.release(10)
        got = [self.client.receive_reply(vu.REGION_READ, 7).payload for _ in range(10)]
        self.assertEqual(sorted(struct.unpack("<I", payload[16:])[0] for payload in got), list(range(10)))

    def test_late_write_is_done_at_once(self):
        self.client.defer(regs.KIND_WRITE)
        msg_id = self.client.send(vu.REGION_WRITE, vu.region_write_payload(1, 0, b"now"))
        self.assertEqual(self.client.local(0, 3), b"now")
        self.client.release(1)
        self.assertFalse(self.client.receive_reply(vu.REGION_WRITE, msg_id).is_error)

    def test_003_late_posted_write_yields_no_bytes(self):
        self.client.defer(regs.KIND_WRITE)
        for i in range(5):
            self.client.region_post(1, i, bytes([i]))
        self.client.until_reg(regs.REG_RELEASE, 5, "they wait")
        self.client.release(5)
        self.client.until_reg(regs.REG_RELEASE, 0, "they are answered")
        self.client.round_trip()
        self.assertEqual(self.client.local(0, 5), bytes(range(5)))

    def test_005_late_errors(self):
        for error in (errno.EIO, errno.EACCES, 4095):
            self.client.defer(regs.KIND_READ | regs.KIND_WRITE, 1, error)
            for msg_id in [self.client.read_request() for _ in range(3)]:
                self.assertEqual(self.client.receive_reply(vu.REGION_READ, msg_id).error, error)
            self.assertEqual(self.client.refused(vu.REGION_WRITE, vu.region_write_payload(1, 0, b"x")), error)
            self.client.send(vu.REGION_WRITE, vu.region_write_payload(1, 0, b"x"), flags=vu.FLAG_NO_REPLY)
            self.client.defer(0)
            self.client.round_trip()

    def test_058_late_read_of_a_whole_region(self):
        data = os.urandom(regs.BAR1_SIZE)
        self.client.set_local(0, data)
        self.client.defer(regs.KIND_READ, 1)
        for _ in range(3):
            self.assertEqual(self.client.local(0, len(data)), data)

    def test_more_requests_than_may_be_in_flight_are_all_answered(self):
        # The server may stop reading at some number; the device answers without being asked to.
        self.fill()
        self.client.defer(regs.KIND_READ, 5)
        expected = {}
        for i in range(600):
            msg_id = self.client.read_request(4, MEMORY + 4 * (i % 256))
            expected[msg_id] = struct.pack("<I", i % 256)
        self.receive_reads(expected)

    def test_malformed_requests_behind_those_that_wait_are_refused(self):
        ids = self.waiting(5)
        self.client.refused(vu.REGION_READ, vu.region_read_payload(0, 0, 1 << 30))
        self.client.refused(99)
        self.client.refused(vu.REGION_READ, bytes(3))
        self.client.release(5)
        self.receive_reads(ids)

    def test_random_mixture(self):
        rng = random.Random(7)
        self.fill()
        expected = {}
        for _ in range(400):
            what = rng.random()
            if what < 0.5:
                self.client.region_post(0, regs.REG_DEFER_KINDS, struct.pack(
                    "<III", regs.KIND_READ * rng.randrange(2), rng.choice((1, 2, 7)), 0))
                at = rng.randrange(256)
                expected[self.client.read_request(4, MEMORY + 4 * at)] = struct.pack("<I", at)
            elif what < 0.9 and expected:
                reply = self.client.receive()
                self.assertEqual(reply.payload[16:], expected.pop(reply.id))
            else:
                self.client.region_post(0, regs.REG_SCRATCH, bytes(8))
        self.receive_reads(expected)

    MASK = vu.SET_NONE | vu.SET_MASK

    def change_irq(self, vector):
        return self.client.send(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, self.MASK, vector, 1))

    def irq_reply(self, msg_id):
        return self.client.receive_reply(vu.DEVICE_SET_IRQS, msg_id).error

    def test_076_later_changes_of_interrupts_wait_and_others_go_on(self):
        self.client.defer(regs.KIND_IRQS)
        ids = [self.change_irq(vector) for vector in range(3)]
        self.client.round_trip()
        self.client.dma_map(BASE, 4096)
        self.client.dma_unmap(BASE, 4096)
        for vector, msg_id in enumerate(ids):
            self.client.until_reg(regs.REG_RELEASE, 1, "one change waits")
            self.assertEqual(self.client.reg(regs.REG_IRQ_START), vector)
            self.client.release(1)
            self.assertEqual(self.irq_reply(msg_id), 0)

    def test_076_late_errors_of_changes(self):
        for error in (errno.EIO, 4095):
            self.client.defer(regs.KIND_IRQS, 1, error)
            ids = [self.change_irq(vector) for vector in range(3)]
            self.assertEqual([self.irq_reply(msg_id) for msg_id in ids], [error] * 3)
        self.client.defer(0)
        self.client.set_irqs(vu.IRQ_MSIX, self.MASK, 0, 1)

    def test_076_change_that_makes_no_sense_behind_one_that_waits(self):
        self.client.defer(regs.KIND_IRQS)
        first, wrong = self.change_irq(0), self.change_irq(99)
        self.client.until_reg(regs.REG_RELEASE, 1, "one change waits")
        self.client.release(1)
        self.assertEqual((self.irq_reply(first), self.irq_reply(wrong)), (0, errno.EINVAL))

    def test_067_reset_releases_a_change_that_waits(self):
        self.client.defer(regs.KIND_IRQS)
        msg_id = self.change_irq(0)
        reset = self.client.send(vu.DEVICE_RESET)
        replies = {self.client.receive().id for _ in range(2)}
        self.assertEqual(replies, {msg_id, reset})

    def test_101_client_is_gone_with_a_change_that_waits(self):
        self.client.defer(regs.KIND_IRQS, 20)
        for vector in range(3):
            self.change_irq(vector)
        self.client.wait_consumed()
        self.reconnect()
        self.client.defer(0)
        self.client.set_irqs(vu.IRQ_MSIX, self.MASK, 0, 1)

    def test_102_client_is_gone_and_its_late_answers_with_it(self):
        for ms in (0, 1, 20):
            for n in (1, 30):
                self.fill()
                self.client.defer(regs.KIND_READ | regs.KIND_WRITE, ms)
                for i in range(n):
                    self.client.read_request()
                    self.client.send(vu.REGION_WRITE, vu.region_write_payload(1, i, b"x"))
                self.client.wait_consumed()
                # The next one's handshake fails on anything but its own reply.
                self.reconnect()
                self.client.defer(0)
                for _ in range(5):
                    self.client.round_trip()
                self.client.until_reg(regs.REG_RELEASE, 0, "the device has answered them all")

    def test_102_client_is_gone_while_its_answers_are_being_given(self):
        for _ in range(20):
            self.client.defer(regs.KIND_READ, 1)
            for _ in range(20):
                self.client.read_request()
            self.client.receive()
            self.reconnect()
            self.client.reset()

    def test_105_process_ends_with_answers_due(self):
        self.client.defer(regs.KIND_READ)
        for _ in range(10):
            self.client.read_request()
        self.client.wait_consumed()
        server = self.server
        server.stop()  # insists on a clean end
        type(self).server = self.start()


class DeferredOnOneThread(Deferred):
    arguments = ("--one-thread",)


class DeferredWithTwin(Deferred):
    capabilities = {"max_msg_fds": 8, "twin_socket": {"supported": True}}


if __name__ == "__main__":
    unittest.main()
