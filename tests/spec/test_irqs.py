# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: interrupts (checklist rules 69 to 85).

MSI-X is the index that the NIC really uses; the others are tested as far as they have vectors.

Left out:
  76  MASK and UNMASK, where no index says that it is maskable: then they only must have a defined outcome.
  77  UNMASK eventfd of INTx, where INTx has no vector: likewise. test_full_irqs.py has a device with both.
"""
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import ServedTestCase

ATTACH = vu.SET_EVENTFD | vu.SET_TRIGGER
FIRE = vu.SET_NONE | vu.SET_TRIGGER
FIRE_BOOL = vu.SET_BOOL | vu.SET_TRIGGER
U32 = 0xffffffff


class Irqs(ServedTestCase):
    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.info = {i: self.client.irq_info(i) for i in range(self.client.get_info()[2])}
        self.n = self.info[vu.IRQ_MSIX][1]

    def refused(self, index, flags, start, count, data=b"", fds=(), argsz=None):
        return self.client.refused(vu.DEVICE_SET_IRQS,
                                   vu.set_irqs_payload(index, flags, start, count, data, argsz), fds)

    def attach(self, start, fds):
        self.client.set_irqs(vu.IRQ_MSIX, ATTACH, start, len(fds), fds=fds)

    def detach(self, start, count):
        self.client.set_irqs(vu.IRQ_MSIX, ATTACH, start, count)

    def fire(self, start, count):
        self.client.set_irqs(vu.IRQ_MSIX, FIRE, start, count)

    def attach_all(self):
        """An eventfd on each vector, attached in batches that the server accepts."""
        events = self.eventfds(self.n)
        step = self.client.max_msg_fds
        for start in range(0, self.n, step):
            self.attach(start, events[start:start + step])
        return events

    def counts(self, events):
        """Firing is finished when the reply is here: no need to wait."""
        return [vu.count_of(event) for event in events]

    def test_069_irq_info_of_each_index(self):
        self.assertEqual(sorted(self.info), list(range(vu.PCI_IRQS)))
        for index, (flags, count) in self.info.items():
            self.assertEqual(flags & ~0xf, 0, index)
            if count:
                self.assertTrue(flags & vu.IRQ_FLAG_EVENTFD)
        self.assertGreaterEqual(self.n, 3, "vectors for the configuration and each queue")
        self.assertLessEqual(self.info[vu.IRQ_INTX][1], 1)
        self.assertLessEqual(self.info[vu.IRQ_ERR][1], 1)
        self.assertLessEqual(self.info[vu.IRQ_REQ][1], 1)

    def test_069_msix_count_is_that_of_the_capability(self):
        for cap_id, _, body in vg.walk_capabilities(self.client.region_read(vu.REGION_CONFIG, 0, 256)):
            if cap_id == vg.CAP_MSIX:
                self.assertEqual((struct.unpack_from("<H", body, 2)[0] & 0x7ff) + 1, self.n)
                return
        self.fail("no MSI-X capability")

    def test_069_larger_argsz_gives_16(self):
        for argsz in (17, 64, U32):
            payload = self.client.ok(vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(vu.IRQ_MSIX, argsz))
            self.assertEqual((len(payload), struct.unpack_from("<I", payload)[0]), (16, 16))

    def test_070_irq_info_of_what_is_not_there_is_refused(self):
        for index in (len(self.info), 6, 255, 1 << 31, U32):
            self.client.refused(vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(index))
        for n in range(16):
            self.client.refused(vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(vu.IRQ_MSIX, argsz=n))
            self.client.refused(vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(vu.IRQ_MSIX)[:n])
        self.client.round_trip()

    def test_071_attached_vector_counts_exactly_one_on_the_right_fd(self):
        events = self.attach_all()
        for i in range(self.n):
            self.fire(i, 1)
            self.assertEqual(self.counts(events), [int(j == i) for j in range(self.n)])

    def test_071_interrupt_of_the_device_itself(self):
        memory = vg.Memory()
        self.addCleanup(memory.close)
        memory.map_into(self.client)
        nic = vg.Nic(self.client, memory)
        self.addCleanup(nic.close)
        nic.start(buffers=0)
        queue = nic.queues[vg.TX]
        queue.offer(nic.transmit_chain(vg.numbered_frame(vg.BROADCAST, nic.mac(), 1)))
        queue.kick()
        self.assertEqual(vu.wait_event(queue.eventfd, "the interrupt of a used buffer"), 1)
        self.assertEqual(queue.used_index(), 1)
        self.assertEqual(self.counts([nic.config_eventfd, nic.queues[vg.RX].eventfd]), [0, 0])

    def test_072_replaced_fd_is_closed_and_the_new_one_used(self):
        marked = self.memfd(4096, "old")
        old, new = self.eventfds(2)
        self.attach(0, [old])
        self.attach(0, [new])
        self.fire(0, 1)
        self.assertEqual(self.counts([old, new]), [0, 1])
        # What becomes of the old one shows best with a file that has a name.
        reply = self.client.request(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, ATTACH, 0, 1), [marked])
        self.attach(0, [new])
        self.assertFalse(self.server.holds("memfd:old"), reply)

    def test_072_fd_count_stays_the_same_over_many_replacements(self):
        events = self.eventfds(2)
        self.attach(0, events[:1])
        before = len(self.server.fds())
        for i in range(100):
            self.attach(0, [events[i % 2]])
        self.assertEqual(len(self.server.fds()), before)

    def test_072_attach_in_chunks_with_advancing_start(self):
        events = self.eventfds(self.n)
        for i, event in enumerate(events):
            self.attach(i, [event])
        self.fire(0, self.n)
        self.assertEqual(self.counts(events), [1] * self.n)

    def test_073_detach_of_a_middle_range_affects_only_that(self):
        events = self.attach_all()
        self.detach(1, 1)
        self.fire(0, self.n)
        self.assertEqual(self.counts(events), [int(i != 1) for i in range(self.n)])
        if self.n > 3:
            events = self.attach_all()
            self.detach(2, self.n - 3)
            self.fire(0, self.n)
            self.assertEqual(self.counts(events), [int(i < 2 or i == self.n - 1) for i in range(self.n)])

    def test_073_detach_closes_the_fds(self):
        before = len(self.server.fds())
        self.attach_all()
        self.assertEqual(len(self.server.fds()), before + self.n)
        self.detach(1, 1)
        self.assertEqual(len(self.server.fds()), before + self.n - 1)

    def test_074_none_trigger_fires_the_range(self):
        events = self.attach_all()
        self.fire(1, self.n - 1)
        self.assertEqual(self.counts(events), [0] + [1] * (self.n - 1))
        self.fire(0, 2)
        self.fire(0, 2)
        self.assertEqual(self.counts(events), [2, 2] + [0] * (self.n - 2))

    def test_074_bool_trigger_fires_where_a_byte_is_not_zero(self):
        events = self.attach_all()
        pattern = [(0, 1, 2, 0x80, 0xff)[i % 5] for i in range(self.n)]
        self.client.set_irqs(vu.IRQ_MSIX, FIRE_BOOL, 0, self.n, bytes(pattern))
        self.assertEqual(self.counts(events), [int(byte != 0) for byte in pattern])
        self.client.set_irqs(vu.IRQ_MSIX, FIRE_BOOL, 1, 1, b"\1")
        self.assertEqual(self.counts(events), [int(i == 1) for i in range(self.n)])

    def test_074_firing_a_vector_without_fd_is_harmless(self):
        self.fire(0, self.n)
        self.client.set_irqs(vu.IRQ_MSIX, FIRE_BOOL, 0, self.n, b"\1" * self.n)

    def test_075_none_trigger_0_0_disables_the_index(self):
        before = len(self.server.fds())
        events = self.attach_all()
        self.client.set_irqs(vu.IRQ_MSIX, FIRE, 0, 0)
        self.assertEqual(len(self.server.fds()), before)
        self.fire(0, self.n)
        self.assertEqual(self.counts(events), [0] * self.n)
        self.client.set_irqs(vu.IRQ_MSIX, FIRE, 0, 0)
        self.attach(0, events[:1])
        self.fire(0, 1)
        self.assertEqual(vu.count_of(events[0]), 1)

    def test_075_disable_is_harmless_when_nothing_was_attached(self):
        for index, (_, count) in self.info.items():
            if count:
                self.client.set_irqs(index, FIRE, 0, 0)
            else:
                self.client.request(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(index, FIRE, 0, 0))
        self.client.round_trip()

    def test_076_mask_holds_and_unmask_delivers(self):
        for index, (flags, count) in self.info.items():
            if not count or index in (vu.IRQ_ERR, vu.IRQ_REQ):
                continue
            event = self.eventfd()
            self.client.set_irqs(index, ATTACH, 0, 1, fds=[event])
            mask = vu.set_irqs_payload(index, vu.SET_NONE | vu.SET_MASK, 0, 1)
            unmask = vu.set_irqs_payload(index, vu.SET_NONE | vu.SET_UNMASK, 0, 1)
            if not flags & vu.IRQ_FLAG_MASKABLE:
                self.client.request(vu.DEVICE_SET_IRQS, mask)
                self.client.request(vu.DEVICE_SET_IRQS, unmask)
                continue
            self.client.ok(vu.DEVICE_SET_IRQS, mask)
            self.client.set_irqs(index, FIRE, 0, 1)
            self.assertEqual(vu.count_of(event), 0)
            self.client.ok(vu.DEVICE_SET_IRQS, unmask)
            self.assertEqual(vu.count_of(event), 1)
            self.client.ok(vu.DEVICE_SET_IRQS, unmask)
            self.assertEqual(vu.count_of(event), 0)

    def test_076_bool_mask_and_unmask_are_defined(self):
        for action in (vu.SET_MASK, vu.SET_UNMASK):
            self.client.request(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(
                vu.IRQ_MSIX, vu.SET_BOOL | action, 0, 2, b"\1\0"))
        self.client.round_trip()

    def test_077_unmask_eventfd_is_accepted(self):
        if not self.info[vu.IRQ_INTX][1]:
            self.skipTest("the NIC has no INTx")
        trigger, unmask = self.eventfds(2)
        self.client.set_irqs(vu.IRQ_INTX, ATTACH, 0, 1, fds=[trigger])
        self.client.set_irqs(vu.IRQ_INTX, vu.SET_NONE | vu.SET_MASK, 0, 1)
        self.client.set_irqs(vu.IRQ_INTX, vu.SET_EVENTFD | vu.SET_UNMASK, 0, 1, fds=[unmask])
        self.client.set_irqs(vu.IRQ_INTX, FIRE, 0, 1)
        self.assertEqual(vu.count_of(trigger), 0)
        os.eventfd_write(unmask, 1)
        vu.wait_event(trigger, "the interrupt that was held")

    def test_077_unmask_eventfd_of_any_index_is_defined(self):
        for index in self.info:
            event = self.eventfd()
            for action in (vu.SET_MASK, vu.SET_UNMASK):
                self.client.request(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(
                    index, vu.SET_EVENTFD | action, 0, 1), [event])
            self.assertEqual(vu.count_of(event), 0)
        self.client.round_trip()

    def test_078_first_thing_qemu_does_without_noresize(self):
        self.client.set_irqs(vu.IRQ_MSIX, ATTACH, 0, 1)
        self.detach(0, self.n)

    def test_079_zero_or_two_data_or_action_bits_are_refused(self):
        data = (0, vu.SET_NONE | vu.SET_BOOL, vu.SET_NONE | vu.SET_EVENTFD, vu.SET_BOOL | vu.SET_EVENTFD, 7)
        action = (0, vu.SET_MASK | vu.SET_UNMASK, vu.SET_MASK | vu.SET_TRIGGER, vu.SET_UNMASK | vu.SET_TRIGGER,
                  0x38)
        cases = [d | vu.SET_TRIGGER for d in data] + [vu.SET_NONE | a for a in action] + [0, 0x3f]
        for flags in cases:
            with self.subTest(flags=flags):
                for fds in ((), (self.eventfd(),)):
                    for body in (b"", b"\1"):
                        self.assertEqual(self.refused(vu.IRQ_MSIX, flags, 0, 1, body, fds), vu.EINVAL)
        self.client.round_trip()

    def test_079_unknown_flag_bits_are_defined(self):
        for bit in range(6, 32):
            self.client.request(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, FIRE | 1 << bit, 0, 1))
        self.client.round_trip()

    def test_080_range_beyond_the_vectors_is_refused(self):
        before = len(self.server.fds())
        for start, count in ((0, self.n + 1), (self.n, 1), (self.n - 1, 2), (1, self.n), (U32, 1), (1, U32),
                             (U32, U32), (0, U32), (2, U32 - 1), (1 << 31, 1 << 31)):
            with self.subTest(start=start, count=count):
                self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE, start, count), vu.EINVAL)
                self.assertEqual(self.refused(vu.IRQ_MSIX, ATTACH, start, count), vu.EINVAL)
                if count <= 2:
                    self.refused(vu.IRQ_MSIX, ATTACH, start, count, fds=self.eventfds(count))
                if count <= self.n + 1:
                    self.refused(vu.IRQ_MSIX, FIRE_BOOL, start, count, b"\1" * count)
        self.assertEqual(len(self.server.fds()), before)

    def test_080_index_out_of_range_is_refused(self):
        for index in (len(self.info), 255, U32):
            self.refused(index, FIRE, 0, 1)
            self.refused(index, FIRE, 0, 0)
            self.refused(index, ATTACH, 0, 1, fds=[self.eventfd()])

    def test_080_index_without_vectors_is_refused(self):
        before = len(self.server.fds())
        for index, (_, count) in self.info.items():
            if count == 0:
                self.refused(index, FIRE, 0, 1)
                self.refused(index, ATTACH, 0, 1, fds=[self.eventfd()])
        self.assertEqual(len(self.server.fds()), before)

    def test_080_count_0_anywhere_but_in_a_disable_is_refused(self):
        self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE, 1, 0), vu.EINVAL)
        self.assertEqual(self.refused(vu.IRQ_MSIX, ATTACH, 0, 0), vu.EINVAL)
        self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE_BOOL, 0, 0), vu.EINVAL)
        self.assertEqual(self.refused(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_MASK, 0, 0), vu.EINVAL)

    def test_081_fds_with_none_or_bool_are_refused(self):
        before = len(self.server.fds())
        self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE, 0, 1, fds=[self.eventfd()]), vu.EINVAL)
        self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE, 0, 0, fds=[self.eventfd()]), vu.EINVAL)
        self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE_BOOL, 0, 1, b"\1", [self.eventfd()]), vu.EINVAL)
        self.assertEqual(len(self.server.fds()), before)

    def test_081_number_of_fds_that_is_not_count_is_refused(self):
        before = len(self.server.fds())
        for n_fds, count in ((1, 2), (2, 1), (2, 3), (3, 2), (8, 1), (1, self.n)):
            with self.subTest(fds=n_fds, count=count):
                self.assertEqual(self.refused(vu.IRQ_MSIX, ATTACH, 0, count, fds=self.eventfds(n_fds)), vu.EINVAL)
        self.assertEqual(len(self.server.fds()), before)

    def test_081_refused_attach_leaves_the_old_fds_in_place(self):
        events = self.attach_all()
        self.refused(vu.IRQ_MSIX, ATTACH, 0, 2, fds=self.eventfds(1))
        self.refused(vu.IRQ_MSIX, ATTACH, 0, self.n + 1)
        self.fire(0, self.n)
        self.assertEqual(self.counts(events), [1] * self.n)

    def test_082_bool_payload_of_the_wrong_length_is_refused(self):
        for count, data in ((2, b"\1"), (1, b""), (self.n, b"\1" * (self.n - 1)), (1, b"\1\1"), (2, b"\1" * 64)):
            with self.subTest(count=count, len=len(data)):
                self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE_BOOL, 0, count, data), vu.EINVAL)

    def test_082_payload_or_argsz_too_short_is_refused(self):
        whole = vu.set_irqs_payload(vu.IRQ_MSIX, FIRE, 0, 1)
        for n in range(20):
            self.client.refused(vu.DEVICE_SET_IRQS, whole[:n])
            self.assertEqual(self.refused(vu.IRQ_MSIX, FIRE, 0, 1, argsz=n), vu.EINVAL)
            self.client.refused(vu.DEVICE_SET_IRQS, whole[:n], [self.eventfd()])
        self.client.round_trip()

    def test_083_err_and_req_have_one_vector_and_no_mask(self):
        for index in (vu.IRQ_ERR, vu.IRQ_REQ):
            for action in (vu.SET_MASK, vu.SET_UNMASK):
                self.assertEqual(self.refused(index, vu.SET_NONE | action, 0, 1), vu.EINVAL)
            self.assertEqual(self.refused(index, FIRE, 0, 2), vu.EINVAL)
            self.assertEqual(self.refused(index, ATTACH, 0, 2, fds=self.eventfds(2)), vu.EINVAL)

    def test_084_full_eventfd_does_not_hang_the_server(self):
        full = os.eventfd(0, os.EFD_CLOEXEC)  # blocking
        self.addCleanup(os.close, full)
        os.eventfd_write(full, 0xfffffffffffffffe)
        self.attach(0, [full])
        for _ in range(3):
            self.fire(0, 1)
        self.client.round_trip()
        with vu.connect_when_free(self.path(1)) as other:
            other.round_trip()

    def test_085_fd_that_is_no_eventfd_does_no_harm(self):
        reading, writing = os.pipe()
        closed_reading, broken = os.pipe()
        os.close(closed_reading)
        marked = self.memfd(4096, "notevent")
        try:
            for what, fd in (("read end", reading), ("write end", writing), ("broken pipe", broken),
                             ("file", marked), ("/dev/null", os.open("/dev/null", os.O_RDONLY))):
                with self.subTest(what):
                    reply = self.client.request(vu.DEVICE_SET_IRQS,
                                                vu.set_irqs_payload(vu.IRQ_MSIX, ATTACH, 0, 1), [fd])
                    if not reply.is_error:
                        for _ in range(3):
                            self.fire(0, 1)
                    self.client.round_trip()
                    if what == "/dev/null":
                        os.close(fd)
            self.detach(0, 1)
            self.assertFalse(self.server.holds("memfd:notevent"))
        finally:
            for fd in (reading, writing, broken):
                os.close(fd)

    def test_085_full_pipe_in_place_of_an_eventfd_does_not_hang_the_server(self):
        reading, writing = os.pipe()
        try:
            os.set_blocking(writing, False)
            try:
                while True:
                    os.write(writing, bytes(65536))
            except BlockingIOError:
                pass
            os.set_blocking(writing, True)
            reply = self.client.request(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, ATTACH, 0, 1),
                                        [writing])
            if not reply.is_error:
                self.fire(0, 1)
            self.client.round_trip()
        finally:
            os.close(reading)
            os.close(writing)


if __name__ == "__main__":
    unittest.main()
