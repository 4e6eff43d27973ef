# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: interrupts of a device that has every kind (rules 69 to 85): outrigger-test-device.

The device itself triggers what a test writes into its TRIGGER register; SET_IRQS lets the client do so.
"""
import errno
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_device_regs as regs
import vfio_user_client as vu
from fixture import DeviceTestCase

ATTACH = vu.SET_EVENTFD | vu.SET_TRIGGER
FIRE = vu.SET_NONE | vu.SET_TRIGGER
MASK = vu.SET_NONE | vu.SET_MASK
UNMASK = vu.SET_NONE | vu.SET_UNMASK
COUNTS = {vu.IRQ_INTX: 1, vu.IRQ_MSI: regs.MSI_VECTORS, vu.IRQ_MSIX: regs.MSIX_VECTORS, vu.IRQ_ERR: 1, vu.IRQ_REQ: 1}
MASKABLE = (vu.IRQ_INTX, vu.IRQ_MSI, vu.IRQ_MSIX)
U32 = 0xffffffff


class IrqTestCase(DeviceTestCase):
    def attach(self, index, start=0, count=1, action=vu.SET_TRIGGER):
        events = self.eventfds(count)
        for at in range(0, count, self.client.max_msg_fds):
            part = events[at:at + self.client.max_msg_fds]
            self.client.set_irqs(index, vu.SET_EVENTFD | action, start + at, len(part), fds=part)
        return events

    def trigger(self, index, vector=0):
        self.client.set(regs.REG_TRIGGER, index << 16 | vector)
        return self.client.reg(regs.REG_TRIGGER_RESULT)

    def counts(self, events):
        return [vu.count_of(event) for event in events]

    def refused(self, index, flags, start=0, count=1, data=b"", fds=()):
        self.assertEqual(self.client.refused(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(
            index, flags, start, count, data), fds), errno.EINVAL)


class Irqs(IrqTestCase):
    def test_069_each_index_has_its_vectors_and_flags(self):
        self.assertEqual({index: self.client.irq_info(index) for index in COUNTS}, {
            vu.IRQ_INTX: (0x7, 1), vu.IRQ_MSI: (0x9, regs.MSI_VECTORS), vu.IRQ_MSIX: (
                self.client.irq_info(vu.IRQ_MSIX)[0], regs.MSIX_VECTORS), vu.IRQ_ERR: (1, 1), vu.IRQ_REQ: (1, 1)})
        self.assertTrue(self.client.irq_info(vu.IRQ_MSIX)[0] & vu.IRQ_FLAG_EVENTFD)

    def test_071_every_vector_of_the_device_reaches_its_own_eventfd(self):
        for index, n in COUNTS.items():
            events = self.attach(index, 0, n)
            for vector in range(n):
                self.assertEqual(self.trigger(index, vector), 0)
                self.assertEqual(self.counts(events), [int(i == vector) for i in range(n)])
            self.assertEqual(self.trigger(index, n), errno.EINVAL)

    def test_071_indexes_do_not_share_their_eventfds(self):
        events = {index: self.attach(index)[0] for index in COUNTS}
        for index in COUNTS:
            self.trigger(index)
            self.assertEqual({i: vu.count_of(event) for i, event in events.items()},
                             {i: int(i == index) for i in COUNTS})

    def test_071_vector_without_eventfd_is_no_error(self):
        for index, n in COUNTS.items():
            self.assertEqual(self.trigger(index, n - 1), 0)

    def test_071_no_interrupt_outlives_a_detached_vector(self):
        (event,) = self.attach(vu.IRQ_MSI)
        self.client.set_irqs(vu.IRQ_MSI, ATTACH, 0, 1)
        self.trigger(vu.IRQ_MSI)
        self.assertEqual(vu.count_of(event), 0)

    def test_071_device_is_told_what_changed(self):
        before = self.client.reg(regs.REG_IRQ_CHANGES)
        self.attach(vu.IRQ_MSIX, 3, 2)
        self.assertEqual(struct.unpack("<5I", self.client.region_read(0, regs.REG_IRQ_CHANGES, 20)),
                         (before + 1, vu.IRQ_MSIX, 3, 2, ATTACH))
        self.refused(vu.IRQ_MSIX, ATTACH, regs.MSIX_VECTORS)
        self.client.set_irqs(vu.IRQ_MSIX, FIRE, 3, 1)
        self.assertEqual(self.client.reg(regs.REG_IRQ_CHANGES), before + 1, "refused or fired: nothing changed")

    def test_071_dma_command_that_is_done_interrupts(self):
        (event,) = self.attach(vu.IRQ_MSIX, 5)
        self.client.dma_map(0, 4096, self.memfd(4096))
        self.client.set(regs.REG_DONE_IRQ, vu.IRQ_MSIX << 16 | 5)
        for way in (regs.DMA_PIN, regs.DMA_WAIT, regs.DMA_ASYNC):
            self.client.dma(regs.DMA_FILL | way, 0, 4096)
            self.assertEqual(vu.wait_event(event, "the interrupt"), 1)

    def test_075_disabling_an_index_leaves_the_others(self):
        events = {index: self.attach(index, 0, n) for index, n in COUNTS.items()}
        held = len(self.server.fds())
        self.client.set_irqs(vu.IRQ_MSI, FIRE, 0, 0)
        self.assertEqual(len(self.server.fds()), held - regs.MSI_VECTORS)
        for index, n in COUNTS.items():
            self.trigger(index, n - 1)
            self.assertEqual(vu.count_of(events[index][-1]), int(index != vu.IRQ_MSI))

    def test_075_disabling_forgets_masks_and_eventfds_that_unmask(self):
        for index in MASKABLE:
            self.attach(index)
            self.attach(index, action=vu.SET_UNMASK)
            self.client.set_irqs(index, MASK, 0, 1)
            self.client.set_irqs(index, FIRE, 0, 0)
            (event,) = self.attach(index)
            self.trigger(index)
            self.assertEqual(vu.count_of(event), 1, index)

    def test_075_disabling_what_has_nothing_is_harmless(self):
        for index in COUNTS:
            self.client.set_irqs(index, FIRE, 0, 0)

    def test_075_count_of_zero_with_anything_else_is_refused(self):
        for index in COUNTS:
            for flags, start in ((FIRE, 1), (ATTACH, 0), (vu.SET_BOOL | vu.SET_TRIGGER, 0), (MASK, 0), (UNMASK, 0)):
                self.refused(index, flags, start, 0)

    def test_076_mask_holds_and_unmask_delivers_once(self):
        for index in MASKABLE:
            (event,) = self.attach(index)
            self.client.set_irqs(index, MASK, 0, 1)
            for _ in range(3):
                self.trigger(index)
            self.assertEqual(vu.count_of(event), 0)
            self.client.set_irqs(index, UNMASK, 0, 1)
            self.assertEqual(vu.count_of(event), 1)
            self.client.set_irqs(index, UNMASK, 0, 1)
            self.assertEqual(vu.count_of(event), 0)

    def test_076_mask_by_bytes_is_for_these_vectors_only(self):
        events = self.attach(vu.IRQ_MSIX, 0, 8)
        self.client.set_irqs(vu.IRQ_MSIX, vu.SET_BOOL | vu.SET_MASK, 2, 4, b"\1\0\xff\0")
        for vector in range(8):
            self.trigger(vu.IRQ_MSIX, vector)
        self.assertEqual(self.counts(events), [1, 1, 0, 1, 0, 1, 1, 1])
        self.client.set_irqs(vu.IRQ_MSIX, vu.SET_BOOL | vu.SET_UNMASK, 2, 4, b"\1\1\0\1")
        self.assertEqual(self.counts(events), [0, 0, 1, 0, 0, 0, 0, 0])

    def test_076_eventfd_that_masks_is_looked_at(self):
        (event,), (mask,) = self.attach(vu.IRQ_MSI), self.attach(vu.IRQ_MSI, action=vu.SET_MASK)
        os.eventfd_write(mask, 1)
        self.trigger(vu.IRQ_MSI)
        self.assertEqual(vu.count_of(event), 0)
        self.client.set_irqs(vu.IRQ_MSI, UNMASK, 0, 1)
        self.assertEqual(vu.count_of(event), 1)

    def test_076_masking_what_has_no_vector_is_refused(self):
        for index, n in COUNTS.items():
            for flags in (MASK, UNMASK):
                self.refused(index, flags, n, 1)
                self.refused(index, flags, 0, n + 1)
                self.refused(index, flags, 1, U32)

    def test_083_err_and_req_cannot_be_masked(self):
        for index in (vu.IRQ_ERR, vu.IRQ_REQ):
            for flags in (MASK, UNMASK):
                self.refused(index, flags)
            for action in (vu.SET_MASK, vu.SET_UNMASK):
                self.refused(index, vu.SET_EVENTFD | action, fds=[self.eventfd()])
                self.refused(index, vu.SET_BOOL | action, data=b"\1")

    def test_084_full_eventfd_does_not_hang_the_device(self):
        for index in COUNTS:
            (event,) = self.attach(index)
            os.eventfd_write(event, (1 << 64) - 2)
            for _ in range(3):
                self.trigger(index)
            self.assertGreater(vu.count_of(event), 1)

    def test_085_what_is_no_eventfd_is_refused(self):
        read_end, write_end = os.pipe()
        closed_reading, closed = os.pipe()
        os.close(closed_reading)
        directory = os.open("/", os.O_RDONLY)
        for fd in (read_end, write_end, closed, directory):
            self.addCleanup(os.close, fd)
        for index in COUNTS:
            for fd in (read_end, write_end, closed, directory, self.memfd(4096, "stray")):
                self.refused(index, ATTACH, fds=[fd])
        self.assertFalse(self.server.holds("memfd:stray"))


class Intx(IrqTestCase):
    """77: level-triggered, masked by each interrupt, unmasked by the client."""

    def setUp(self):
        super().setUp()
        (self.event,) = self.attach(vu.IRQ_INTX)

    def level(self, asserted):
        self.client.set(regs.REG_INTX_LEVEL, int(asserted))

    def test_077_interrupt_masks_itself_until_unmasked(self):
        self.trigger(vu.IRQ_INTX)
        self.trigger(vu.IRQ_INTX)
        self.assertEqual(vu.count_of(self.event), 1)
        self.client.set_irqs(vu.IRQ_INTX, UNMASK, 0, 1)
        self.assertEqual(vu.count_of(self.event), 1, "the second one was pending")

    def test_077_unmask_eventfd_is_accepted_and_unmasks(self):
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.level(True)
        self.assertEqual(vu.wait_event(self.event, "INTx"), 1)
        for _ in range(5):
            # End of interrupt, with the line still asserted: no message is needed for the next one.
            os.eventfd_write(unmask, 1)
            self.assertEqual(vu.wait_event(self.event, "INTx again"), 1)
        self.level(False)
        os.eventfd_write(unmask, 1)
        vu.wait_until(lambda: (self.client.round_trip(), vu.count_of(unmask))[1] == 0, "the end of interrupt is seen")
        self.client.round_trip()
        self.assertEqual(vu.count_of(self.event), 0)

    def test_077_end_of_interrupt_in_the_middle_of_other_requests(self):
        # Whoever notices the eventfd, the device is to hear of it: the line is still asserted.
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.level(True)
        for i in range(2000):
            self.assertEqual(vu.wait_event(self.event, f"INTx for the time {i}"), 1)
            self.client.region_post(0, regs.REG_SCRATCH, struct.pack("<I", i))
            for _ in range(i % 50):
                pass  # the eventfd comes sooner or later after the request
            os.eventfd_write(unmask, 1)

    def test_077_unmask_eventfd_is_never_written(self):
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.level(True)
        self.client.set_irqs(vu.IRQ_INTX, UNMASK, 0, 1)
        self.client.set_irqs(vu.IRQ_INTX, MASK, 0, 1)
        self.client.set_irqs(vu.IRQ_INTX, FIRE, 0, 1)
        self.assertEqual(vu.count_of(unmask), 0)

    def test_077_message_unmasks_as_well(self):
        self.level(True)
        for _ in range(3):
            self.assertEqual(vu.wait_event(self.event, "INTx"), 1)
            self.client.set_irqs(vu.IRQ_INTX, UNMASK, 0, 1)

    def test_077_in_the_order_of_qemu_under_kvm(self):
        # Trigger eventfd, then mask, unmask eventfd, unmask.
        self.level(True)
        self.assertEqual(vu.wait_event(self.event, "INTx"), 1)
        self.client.set_irqs(vu.IRQ_INTX, MASK, 0, 1)
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.client.set_irqs(vu.IRQ_INTX, UNMASK, 0, 1)
        self.assertEqual(vu.wait_event(self.event, "INTx"), 1)
        os.eventfd_write(unmask, 1)
        self.assertEqual(vu.wait_event(self.event, "INTx"), 1)

    def test_077_unmask_eventfd_of_an_edge(self):
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.trigger(vu.IRQ_INTX)
        self.assertEqual(vu.count_of(self.event), 1)
        self.trigger(vu.IRQ_INTX)  # pending
        os.eventfd_write(unmask, 1)
        self.assertEqual(vu.wait_event(self.event, "what was pending"), 1)

    def test_077_replaced_unmask_eventfd_is_closed(self):
        before = len(self.server.fds())
        for _ in range(20):
            self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.assertEqual(len(self.server.fds()), before + 1)
        self.client.set_irqs(vu.IRQ_INTX, vu.SET_EVENTFD | vu.SET_UNMASK, 0, 1)
        self.assertEqual(len(self.server.fds()), before)

    def test_077_what_is_no_eventfd_is_refused(self):
        for action in (vu.SET_MASK, vu.SET_UNMASK):
            self.refused(vu.IRQ_INTX, vu.SET_EVENTFD | action, fds=[self.memfd(4096, "stray")])
            self.refused(vu.IRQ_INTX, vu.SET_EVENTFD | action, count=2, fds=self.eventfds(2))
        self.assertFalse(self.server.holds("memfd:stray"))

    def test_077_unmask_eventfd_that_is_always_readable_does_no_harm(self):
        # Full, and filled again whenever it was read.
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.level(True)
        for _ in range(50):
            try:
                os.eventfd_write(unmask, (1 << 64) - 2)
            except BlockingIOError:
                pass
            self.client.round_trip()

    def test_077_goes_with_the_client(self):
        (unmask,) = self.attach(vu.IRQ_INTX, action=vu.SET_UNMASK)
        self.level(True)
        self.reconnect()
        vu.count_of(self.event)
        os.eventfd_write(unmask, 1)
        self.client.round_trip()
        self.assertEqual((vu.count_of(self.event), vu.count_of(unmask)), (0, 1))


class IntxOnOneThread(Intx):
    arguments = ("--one-thread",)


if __name__ == "__main__":
    unittest.main()
