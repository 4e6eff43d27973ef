# SPDX-License-Identifier: BSD-3-Clause
"""A guest in the test: the virtio-net device driven by hand through the protocol.

    +-- this test ---------------------------+        +-- outrigger ------------------------+
    | guest A: memfd, rings  --- vfio-user --|--------|-- NIC 0 --+                         |
    | guest B: memfd, rings  --- vfio-user --|--------|-- NIC 1 --+-- switch -- libslirp    |
    | guest C: memfd, rings  --- vfio-user --|--------|-- NIC 2 --+             (gateway)   |
    +----------------------------------------+        +-------------------------------------+

These guests behave well; those of test_hostile_guest.py do not. That a frame does not arrive is shown by a later
one that does: frames of one port stay in order.
"""
import os
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import SUBNET, GuestTestCase
from virtio_guest import BROADCAST, EVENT_RINGS, MERGEABLE, PLAIN_RINGS, RX, TX, is_numbered, numbered_frame

GATEWAY = socket.inet_aton("192.168.77.1")
U64 = 0xffffffffffffffff


class Identity(GuestTestCase):
    def setUp(self):
        super().setUp()
        self.nic = self.guest(0)
        self.client = self.nic.client
        self.config = self.nic.config

    def test_it_is_a_modern_virtio_net_device(self):
        vendor, device = struct.unpack_from("<HH", self.config, 0)
        self.assertEqual((vendor, device), (0x1af4, 0x1041))
        self.assertGreaterEqual(self.config[8], 1, "revision of a modern device")
        self.assertEqual(self.config[9:12], bytes([0, 0, 2]), "class: Ethernet controller")
        self.assertEqual(self.config[14] & 0x7f, 0, "header type")
        self.assertGreaterEqual(struct.unpack_from("<H", self.config, 0x2e)[0], 0x40, "subsystem of a modern device")

    def test_its_capabilities_are_those_of_the_specification(self):
        ids = [cap[0] for cap in self.nic.capabilities]
        self.assertEqual(ids.count(vg.CAP_MSIX), 1)
        self.assertEqual(ids.count(vg.CAP_EXPRESS), 1)
        for kind in (vg.VIRTIO_COMMON, vg.VIRTIO_NOTIFY, vg.VIRTIO_ISR, vg.VIRTIO_DEVICE, vg.VIRTIO_PCI_CFG):
            self.assertIn(kind, self.nic.windows)
        regions = {i: self.client.region_info(i)["size"] for i in range(6)}
        for cap_id, at, body in self.nic.capabilities:
            if cap_id != vg.CAP_VENDOR:
                continue
            length, kind, bar = body[2], body[3], body[4]
            offset, size = struct.unpack_from("<II", body, 8)
            self.assertGreaterEqual(length, 20 if kind in (vg.VIRTIO_NOTIFY, vg.VIRTIO_PCI_CFG) else 16)
            if kind == vg.VIRTIO_PCI_CFG:
                continue
            self.assertIn(bar, regions)
            self.assertLessEqual(offset + size, regions[bar], f"window {kind} is outside its BAR")
            self.assertEqual(offset % 4, 0)
        self.assertGreaterEqual(self.nic.windows[vg.VIRTIO_COMMON][2], 0x38)
        self.assertGreaterEqual(self.nic.windows[vg.VIRTIO_ISR][2], 1)
        multiplier = self.nic.notify_multiplier
        self.assertTrue(multiplier == 0 or (multiplier % 2 == 0 and multiplier & (multiplier - 1) == 0))

    def test_windows_do_not_overlap(self):
        taken = []
        for kind, (bar, offset, size) in self.nic.windows.items():
            if kind == vg.VIRTIO_PCI_CFG:
                continue
            for other, other_bar, start, end in taken:
                self.assertFalse(bar == other_bar and offset < end and start < offset + size, (kind, other))
            taken.append((kind, bar, offset, offset + size))

    def test_msix_table_and_pba_are_inside_their_bars(self):
        for cap_id, _, body in self.nic.capabilities:
            if cap_id == vg.CAP_MSIX:
                table, pba = struct.unpack_from("<II", body, 4)
                for where, size in ((table, 16 * self.nic.vectors), (pba, (self.nic.vectors + 63) // 64 * 8)):
                    self.assertLessEqual((where & ~7) + size, self.client.region_info(where & 7)["size"])

    def test_bars_are_sized_the_standard_way(self):
        index = 0
        while index < 6:
            at = vg.PCI_BAR0 + 4 * index
            before = self.client.region_read(vu.REGION_CONFIG, at, 4)
            size = self.client.region_info(index)["size"]
            self.client.region_write(vu.REGION_CONFIG, at, b"\xff" * 4)
            low, = struct.unpack("<I", self.client.region_read(vu.REGION_CONFIG, at, 4))
            is_64 = low & 7 == 4
            if size == 0:
                self.assertEqual(low, 0, f"BAR {index} does not exist")
            elif is_64:
                self.client.region_write(vu.REGION_CONFIG, at + 4, b"\xff" * 4)
                high, = struct.unpack("<I", self.client.region_read(vu.REGION_CONFIG, at + 4, 4))
                self.assertEqual(-((high << 32 | low) & ~0xf) & U64, size)
                self.client.region_write(vu.REGION_CONFIG, at + 4, bytes(4))
            else:
                self.assertEqual(-(low & ~0xf) & 0xffffffff, size)
            self.client.region_write(vu.REGION_CONFIG, at, before)
            index += 2 if is_64 else 1

    def test_identity_cannot_be_written(self):
        for offset, length in ((0, 4), (8, 4), (0x2c, 4), (0x34, 1), (0x3d, 1)):
            before = self.client.region_read(vu.REGION_CONFIG, offset, length)
            self.client.region_write(vu.REGION_CONFIG, offset, bytes(byte ^ 0xff for byte in before))
            self.assertEqual(self.client.region_read(vu.REGION_CONFIG, offset, length), before)
        for _, at, body in self.nic.capabilities:
            self.client.region_write(vu.REGION_CONFIG, at, b"\xff\xff")
            self.assertEqual(self.client.region_read(vu.REGION_CONFIG, at, 2), body[:2])

    def test_every_byte_of_config_space_survives_being_written(self):
        for value in (0xff, 0x00, 0xa5):
            for offset in range(256):
                self.client.region_write(vu.REGION_CONFIG, offset, bytes([value]))
        self.client.reset()
        vg.walk_capabilities(self.client.region_read(vu.REGION_CONFIG, 0, 256))
        self.assertEqual(self.client.region_read(vu.REGION_CONFIG, 0, 4), self.config[:4])

    def test_the_window_in_config_space_reaches_the_registers(self):
        at = next(at for cap_id, at, body in self.nic.capabilities
                  if cap_id == vg.CAP_VENDOR and body[3] == vg.VIRTIO_PCI_CFG)
        bar, offset, _ = self.nic.windows[vg.VIRTIO_COMMON]

        def aim(register):
            self.client.region_write(vu.REGION_CONFIG, at + 4, bytes([bar]))
            self.client.region_write(vu.REGION_CONFIG, at + 8, struct.pack("<I", offset + register[0]))
            self.client.region_write(vu.REGION_CONFIG, at + 12, struct.pack("<I", register[1]))

        aim(vg.NUM_QUEUES)
        self.assertEqual(self.client.region_read(vu.REGION_CONFIG, at + 16, 2),
                         struct.pack("<H", self.nic.get(vg.NUM_QUEUES)))
        aim(vg.DEVICE_FEATURE_SELECT)
        self.client.region_write(vu.REGION_CONFIG, at + 16, struct.pack("<I", 1))
        self.assertEqual(self.nic.get(vg.DEVICE_FEATURE_SELECT), 1)

    def test_the_window_in_config_space_aimed_at_nothing_does_no_harm(self):
        at = next(at for cap_id, at, body in self.nic.capabilities
                  if cap_id == vg.CAP_VENDOR and body[3] == vg.VIRTIO_PCI_CFG)
        for bar in (0, 1, 2, 4, 5, 6, 7, 8, 0xff):
            for offset in (0, 1, 0xffc, 0x3ffff, 0xfffffffc, 0xffffffff):
                for length in (0, 1, 3, 4, 5, 8, 0x80000000, 0xffffffff):
                    self.client.region_write(vu.REGION_CONFIG, at + 4, bytes([bar]))
                    self.client.region_write(vu.REGION_CONFIG, at + 8, struct.pack("<II", offset, length))
                    self.client.region_read(vu.REGION_CONFIG, at + 16, 4)
        self.client.reset()

    def test_device_configuration(self):
        mac = self.nic.mac()
        self.assertEqual(mac[0] & 1, 0, "a unicast address")
        self.assertNotEqual(mac, bytes(6))
        self.assertNotEqual(mac, self.guest(1).mac())
        self.nic.negotiate(vg.EVERYTHING)
        self.assertEqual(self.nic.link_status() & 1, 1, "the cable is plugged in")
        self.assertEqual(self.nic.mtu(), 1500)

    def test_configuration_space_is_read_only(self):
        bar, at, length = self.nic.windows[vg.VIRTIO_DEVICE]
        before = self.client.region_read(bar, at, length)
        for offset in range(6, length):
            self.client.request(vu.REGION_WRITE, vu.region_write_payload(bar, at + offset, b"\x5a"))
        self.assertEqual(self.client.region_read(bar, at, length), before)


class Negotiation(GuestTestCase):
    def setUp(self):
        super().setUp()
        self.nic = self.guest(0)

    def test_features_that_the_device_must_offer(self):
        self.nic.reset()
        offered = self.nic.offered()
        self.assertEqual(vg.EVERYTHING & ~offered, 0, f"offered: {offered:#x}")

    def test_feature_words_beyond_those_in_use_are_zero(self):
        for select in (4, 100, 0xffffffff):
            self.nic.set(vg.DEVICE_FEATURE_SELECT, select)
            self.assertEqual(self.nic.get(vg.DEVICE_FEATURE), 0)
            self.nic.set(vg.DRIVER_FEATURE_SELECT, select)
            self.nic.set(vg.DRIVER_FEATURE, 0)

    def test_every_subset_of_features_is_accepted(self):
        # Each feature alone, with the control queue where it needs that.
        need_control = vg.NET_F_CTRL_RX | vg.NET_F_CTRL_VLAN | vg.NET_F_GUEST_ANNOUNCE | vg.NET_F_CTRL_MAC_ADDR
        for bit in (1 << i for i in range(64) if vg.EVERYTHING & (1 << i)):
            with self.subTest(bit=hex(bit)):
                self.nic.negotiate(vg.F_VERSION_1 | bit | (vg.NET_F_CTRL_VQ | vg.NET_F_STATUS if bit & need_control
                                                           else 0))
        self.nic.negotiate(vg.EVERYTHING)

    def test_features_without_what_they_depend_on_are_defined(self):
        for bit in (vg.NET_F_CTRL_RX, vg.NET_F_CTRL_VLAN, vg.NET_F_GUEST_ANNOUNCE, vg.NET_F_CTRL_MAC_ADDR):
            self.nic.reset()
            self.nic.set(vg.DEVICE_STATUS, vg.ACKNOWLEDGE | vg.DRIVER)
            self.nic.accept(vg.F_VERSION_1 | bit)
            self.nic.add_status(vg.FEATURES_OK)
            self.nic.add_status(vg.DRIVER_OK)
            self.nic.client.round_trip()
        self.nic.negotiate(vg.PLAIN)

    def test_feature_that_was_not_offered_is_not_agreed(self):
        self.nic.reset()
        unknown = next(1 << i for i in range(63, 41, -1) if not self.nic.offered() & (1 << i))
        self.nic.add_status(vg.ACKNOWLEDGE)
        self.nic.add_status(vg.DRIVER)
        self.nic.accept(vg.PLAIN | unknown)
        self.nic.add_status(vg.FEATURES_OK)
        if self.nic.status() & vg.FEATURES_OK:
            self.nic.set(vg.DRIVER_FEATURE_SELECT, 1)
            self.assertFalse(self.nic.get(vg.DRIVER_FEATURE) & (unknown >> 32))

    def test_status_goes_on_only_forward_until_a_reset(self):
        self.nic.negotiate(vg.PLAIN)
        self.assertEqual(self.nic.status(), vg.ACKNOWLEDGE | vg.DRIVER | vg.FEATURES_OK)
        self.nic.reset()
        self.assertEqual(self.nic.status(), 0)

    def test_queues_are_as_many_as_announced(self):
        self.nic.negotiate(vg.EVERYTHING)
        n = self.nic.get(vg.NUM_QUEUES)
        self.assertGreaterEqual(n, 3)
        for index in range(n):
            self.nic.set(vg.QUEUE_SELECT, index)
            size = self.nic.get(vg.QUEUE_SIZE)
            self.assertGreaterEqual(size, 64)
            self.assertEqual(size & (size - 1), 0)
            self.assertEqual(self.nic.get(vg.QUEUE_ENABLE), 0)
        for index in (n, n + 1, 1000, 0xffff):
            self.nic.set(vg.QUEUE_SELECT, index)
            self.assertEqual(self.nic.get(vg.QUEUE_SIZE), 0, "a queue that does not exist has size 0")

    def test_vectors_that_do_not_exist_are_not_mapped(self):
        for vector in (self.nic.vectors, 0x7fff, 0xfffe):
            self.nic.set(vg.CONFIG_MSIX_VECTOR, vector)
            self.assertEqual(self.nic.get(vg.CONFIG_MSIX_VECTOR), vg.NO_VECTOR)
        self.nic.set(vg.CONFIG_MSIX_VECTOR, self.nic.vectors - 1)
        self.assertEqual(self.nic.get(vg.CONFIG_MSIX_VECTOR), self.nic.vectors - 1)
        self.nic.set(vg.CONFIG_MSIX_VECTOR, vg.NO_VECTOR)
        self.assertEqual(self.nic.get(vg.CONFIG_MSIX_VECTOR), vg.NO_VECTOR)


class Traffic(GuestTestCase):
    """Frames between two guests over every form of ring."""

    nics = 3

    def pair(self, features, **start):
        return self.guest(0, features, **start), self.guest(1, features, **start)

    def test_frames_of_every_size(self):
        for features in (PLAIN_RINGS, EVENT_RINGS, MERGEABLE):
            with self.subTest(features=hex(features)):
                a, b = self.pair(features)
                for number, size in enumerate((60, 61, 64, 127, 128, 590, 1023, 1024, 1513, 1514)):
                    frame = numbered_frame(b.mac(), a.mac(), number, size)
                    self.assertEqual(len(frame), size)
                    a.transmit(frame)
                    self.assertEqual(b.receive(lambda got: is_numbered(got, number)), frame)
                a.client.close()
                b.client.close()

    def test_frame_in_pieces_and_in_indirect_tables(self):
        a, b = self.pair(EVENT_RINGS)
        number = 0
        for indirect in (False, True):
            for pieces in (1, 2, 3, 8, 16):
                number += 1
                frame = numbered_frame(b.mac(), a.mac(), number, 700)
                a.transmit(frame, indirect=indirect, pieces=pieces)
                self.assertEqual(b.receive(lambda got: is_numbered(got, number)), frame)

    def test_header_split_anywhere(self):
        # The specification leaves it to the driver how a frame is laid out in its descriptors.
        a, b = self.pair(PLAIN_RINGS)
        for first in range(1, 30):
            queue = a.queues[TX]
            frame = numbered_frame(b.mac(), a.mac(), first, 100)
            data = bytes(vg.NET_HEADER) + frame
            mark = a.memory.mark()
            address = a.memory.allocate(len(data))
            a.memory.write(address, data)
            queue.offer(queue.chain([(address, first, False), (address + first, len(data) - first, False)]))
            queue.kick()
            queue.wait_used()
            self.assertEqual(b.receive(lambda got: is_numbered(got, first)), frame)
            a.memory.forget_allocations(mark)

    def test_receive_buffer_in_pieces(self):
        a = self.guest(0, PLAIN_RINGS)
        b = self.guest(1, PLAIN_RINGS, buffers=0)
        queue = b.queues[RX]
        for lengths in ((12, 1514), (1, 11, 1514), (5, 10, 20, 40, 1600), (2000, 48)):
            start = b.memory.allocate(2048)
            b.memory.write(start, bytes(2048))
            parts, at = [], start
            for length in lengths:
                parts.append((at, length, True))
                at += length
            queue.offer(queue.chain(parts))
            queue.kick()
            frame = numbered_frame(b.mac(), a.mac(), sum(lengths), 1000)
            a.transmit(frame)
            while True:
                _, length = queue.wait_used()
                got = b.memory.read(start + vg.NET_HEADER, length - vg.NET_HEADER)
                if is_numbered(got):
                    break
                queue.offer(queue.chain(parts))
                queue.kick()
            self.assertEqual(got, frame)

    def test_mergeable_buffers_smaller_than_a_frame(self):
        a = self.guest(0, MERGEABLE)
        b = self.guest(1, MERGEABLE, buffer_len=256)
        for number, size in enumerate((60, 243, 244, 245, 256, 500, 1514)):
            frame = numbered_frame(b.mac(), a.mac(), number, size)
            a.transmit(frame)
            self.assertEqual(b.receive(lambda got: is_numbered(got, number)), frame)

    def test_indexes_wrap_at_the_ring_and_at_65536(self):
        # Also: order is kept, nothing is lost, each batch gets its interrupt.
        for features in (PLAIN_RINGS, EVENT_RINGS):
            with self.subTest(features=hex(features)):
                a, b = self.pair(features, size=256)
                self.assert_wraps(a, b)
                a.client.close()
                b.client.close()

    def assert_wraps(self, a, b):
        """Fill and drain both rings over and over. Descriptors stay as they are; only the indexes move."""
        out, into = a.queues[TX], b.queues[RX]
        frames = [a.memory.allocate(vg.NET_HEADER + 60) for _ in range(out.size)]
        template = bytes(vg.NET_HEADER) + numbered_frame(b.mac(), a.mac(), 0)
        heads = []
        for address in frames:
            a.memory.write(address, template)
            heads.append(out.chain([(address, len(template), False)]))
        expected = 0
        for batch in range(65536 // out.size + 3):
            for i, address in enumerate(frames):
                a.memory.write(address + vg.NET_HEADER + 14, struct.pack("!I", batch * out.size + i))
            out.offer(*heads)
            if out.event_idx:
                a.memory.set_u16(out.driver + 4 + 2 * out.size, out.next_avail - 1)
            out.kick()
            while out.used_index() != out.next_avail:
                vu.wait_event(out.eventfd, "the interrupt of a whole batch")
            while expected < (batch + 1) * out.size:
                head, length = into.wait_used()
                got = b.memory.read(b.receive_buffers[head] + vg.NET_HEADER, length - vg.NET_HEADER)
                if is_numbered(got):
                    self.assertEqual(vg.number_of(got), expected)
                    expected += 1
                into.free.remove(head)
                into.chains[head] = [head]
                into.offer(head)
                if expected % 64 == 0:
                    into.kick()

    def test_kicks_without_a_reply(self):
        # As QEMU sends them.
        a, b = self.pair(EVENT_RINGS)
        for number in range(50):
            a.transmit(numbered_frame(b.mac(), a.mac(), number), posted=True)
            b.receive(lambda got: is_numbered(got, number))

    def test_no_interrupt_when_the_driver_wants_none(self):
        a, b = self.pair(PLAIN_RINGS)
        queue = a.queues[TX]
        a.memory.set_u16(queue.driver, vg.AVAIL_NO_INTERRUPT)
        queue.offer(a.transmit_chain(numbered_frame(b.mac(), a.mac(), 1)))
        queue.kick()
        vu.wait_until(lambda: queue.used_index() == 1, "a used element")
        b.receive(lambda got: is_numbered(got, 1))
        a.client.round_trip()
        self.assertEqual(vu.count_of(queue.eventfd), 0)

    def test_event_index_holds_interrupts_back(self):
        a, b = self.pair(EVENT_RINGS)
        queue = a.queues[TX]
        a.memory.set_u16(queue.driver + 4 + 2 * queue.size, 3)
        for number in range(3):
            queue.offer(a.transmit_chain(numbered_frame(b.mac(), a.mac(), number)))
            queue.kick()
            vu.wait_until(lambda: queue.used_index() == number + 1, "a used element")
        a.client.round_trip()
        self.assertEqual(vu.count_of(queue.eventfd), 0)
        queue.offer(a.transmit_chain(numbered_frame(b.mac(), a.mac(), 3)))
        queue.kick()
        self.assertEqual(vu.wait_event(queue.eventfd, "the interrupt at the event index"), 1)

    def test_kicks_are_asked_for_again_when_the_device_is_idle(self):
        # A device that stopped suppressing kicks too late would sleep through a frame that was offered meanwhile.
        a, b = self.pair(PLAIN_RINGS)
        queue = a.queues[TX]
        for number in range(30):
            vu.wait_until(lambda: not a.memory.get_u16(queue.device) & vg.USED_NO_NOTIFY, "kicks are wanted")
            queue.offer(a.transmit_chain(numbered_frame(b.mac(), a.mac(), number)))
            queue.kick()
            b.receive(lambda got: is_numbered(got, number))
            while queue.take_used():
                pass

    def test_a_driver_that_kicks_only_when_asked_to_loses_nothing(self):
        # As Linux does: the frame goes into the ring first, the device's wish is looked at afterwards.
        for features in (PLAIN_RINGS, EVENT_RINGS):
            with self.subTest(features=hex(features)):
                a, b = self.pair(features)
                queue = a.queues[TX]
                for number in range(300):
                    before = queue.next_avail
                    queue.offer(a.transmit_chain(numbered_frame(b.mac(), a.mac(), number)))
                    if features & vg.F_EVENT_IDX:
                        wanted = a.memory.get_u16(queue.device + 4 + 8 * queue.size) == before
                    else:
                        wanted = not a.memory.get_u16(queue.device) & vg.USED_NO_NOTIFY
                    if wanted:
                        queue.kick()
                    b.receive(lambda got: is_numbered(got, number))
                    vu.wait_until(lambda: queue.used_index() == queue.next_avail, "the element used")
                    while queue.take_used():
                        pass
                a.client.close()
                b.client.close()

    def test_frame_goes_to_the_port_that_has_the_address_and_no_other(self):
        a, b = self.pair(PLAIN_RINGS)
        c = self.guest(2, PLAIN_RINGS)
        self.assertEqual(c.control(vg.CTRL_RX_CLASS, 0, b"\1"), vg.CTRL_OK)  # promiscuous: it would take anything
        self.assert_exchange(a, b, 1)
        a.transmit(numbered_frame(b.mac(), a.mac(), 3), numbered_frame(BROADCAST, a.mac(), 4))
        b.receive(lambda got: is_numbered(got, 4))
        got = [vg.number_of(f) for f in c.receive_all_until(lambda got: is_numbered(got, 4)) if is_numbered(f)]
        self.assertNotIn(3, got)
        self.assertEqual(got[-1], 4)

    def test_no_frame_comes_back_to_its_sender(self):
        a, b = self.pair(PLAIN_RINGS)
        a.transmit(numbered_frame(BROADCAST, a.mac(), 1))
        b.transmit(numbered_frame(BROADCAST, b.mac(), 2))
        got = a.receive_all_until(lambda frame: is_numbered(frame, 2))
        self.assertFalse([frame for frame in got if is_numbered(frame, 1)])


class ControlQueue(GuestTestCase):
    def setUp(self):
        super().setUp()
        self.a = self.guest(0, vg.EVERYTHING)
        self.b = self.guest(1, PLAIN_RINGS)

    def numbers_until(self, number):
        got = self.a.receive_all_until(lambda frame: is_numbered(frame, number))
        return [vg.number_of(frame) for frame in got if is_numbered(frame)]

    def test_receive_mode(self):
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\0"), vg.CTRL_OK)
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 1, b"\0"), vg.CTRL_OK)
        stranger = b"\x02\0\0\0\0\x99"
        self.b.transmit(numbered_frame(stranger, self.b.mac(), 1), numbered_frame(BROADCAST, self.b.mac(), 2))
        self.assertEqual(self.numbers_until(2), [2])
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\1"), vg.CTRL_OK)
        self.b.transmit(numbered_frame(stranger, self.b.mac(), 3), numbered_frame(BROADCAST, self.b.mac(), 4))
        self.assertEqual(self.numbers_until(4), [3, 4])

    def test_all_multicast(self):
        group = b"\x01\0\x5e\x7f\1\2"
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\0"), vg.CTRL_OK)
        for number, all_multicast in ((1, 0), (3, 1)):
            self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 1, bytes([all_multicast])), vg.CTRL_OK)
            self.b.transmit(numbered_frame(group, self.b.mac(), number),
                            numbered_frame(BROADCAST, self.b.mac(), number + 1))
            self.assertEqual(self.numbers_until(number + 1), [number, number + 1] if all_multicast else [number + 1])

    def test_mac_table(self):
        unicast, group = b"\x02\0\0\0\0\x42", b"\x01\0\x5e\x7f\1\3"
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\0"), vg.CTRL_OK)
        self.assertEqual(self.a.control(vg.CTRL_MAC_CLASS, 0, struct.pack("<I", 1) + unicast +
                                        struct.pack("<I", 1) + group), vg.CTRL_OK)
        self.b.transmit(numbered_frame(unicast, self.b.mac(), 1), numbered_frame(group, self.b.mac(), 2),
                        numbered_frame(BROADCAST, self.b.mac(), 3))
        self.assertEqual(self.numbers_until(3), [1, 2, 3])
        self.assertEqual(self.a.control(vg.CTRL_MAC_CLASS, 0, bytes(8)), vg.CTRL_OK)
        self.b.transmit(numbered_frame(unicast, self.b.mac(), 4), numbered_frame(BROADCAST, self.b.mac(), 5))
        self.assertEqual(self.numbers_until(5), [5])

    def test_mac_address(self):
        mac = b"\x02\x11\x22\x33\x44\x55"
        self.assertEqual(self.a.control(vg.CTRL_MAC_CLASS, 1, mac), vg.CTRL_OK)
        self.assertEqual(self.a.mac(), mac)
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\0"), vg.CTRL_OK)
        self.b.transmit(numbered_frame(mac, self.b.mac(), 1))
        self.assertEqual(self.numbers_until(1), [1])

    def test_vlan_filter(self):
        def tagged(vlan, number):
            return vg.ethernet(BROADCAST, self.b.mac(), struct.pack("!HHI", vlan, vg.ETH_TEST, number), 0x8100)

        def vlans_until(number):
            got = self.a.receive_all_until(lambda frame: is_numbered(frame, number))
            return [struct.unpack_from("!H", frame, 14)[0] for frame in got if frame[12:14] == b"\x81\0"]

        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\0"), vg.CTRL_OK)
        self.assertEqual(self.a.control(vg.CTRL_VLAN_CLASS, 0, struct.pack("<H", 5)), vg.CTRL_OK)
        self.b.transmit(tagged(5, 1), tagged(6, 2), numbered_frame(BROADCAST, self.b.mac(), 3))
        self.assertEqual(vlans_until(3), [5])
        self.assertEqual(self.a.control(vg.CTRL_VLAN_CLASS, 1, struct.pack("<H", 5)), vg.CTRL_OK)
        self.b.transmit(tagged(5, 4), numbered_frame(BROADCAST, self.b.mac(), 5))
        self.assertEqual(vlans_until(5), [])

    def test_announce_is_acknowledged(self):
        self.assertEqual(self.a.control(vg.CTRL_ANNOUNCE_CLASS, 0), vg.CTRL_OK)
        self.assertFalse(self.a.link_status() & 2)

    def test_malformed_commands_get_an_error_and_the_queue_goes_on(self):
        for command_class, command, data in (
                (99, 0, b"\0"), (0xff, 0xff, b""), (vg.CTRL_RX_CLASS, 99, b"\1"), (vg.CTRL_RX_CLASS, 0, b""),
                (vg.CTRL_RX_CLASS, 0, b"\1\1"), (vg.CTRL_MAC_CLASS, 99, b"\1"), (vg.CTRL_MAC_CLASS, 1, bytes(5)),
                (vg.CTRL_MAC_CLASS, 1, bytes(7)), (vg.CTRL_MAC_CLASS, 1, b"\1\2\3\4\5\6"),
                (vg.CTRL_MAC_CLASS, 0, b""), (vg.CTRL_MAC_CLASS, 0, bytes(4)), (vg.CTRL_MAC_CLASS, 0, bytes(7)),
                (vg.CTRL_MAC_CLASS, 0, struct.pack("<I", 1)), (vg.CTRL_MAC_CLASS, 0, struct.pack("<II", 1, 0)),
                (vg.CTRL_MAC_CLASS, 0, struct.pack("<I", 0xffffffff) + bytes(64)),
                (vg.CTRL_MAC_CLASS, 0, struct.pack("<I", 0x2aaaaaab) + bytes(64)),
                (vg.CTRL_MAC_CLASS, 0, struct.pack("<II", 0, 0xffffffff) + bytes(64)),
                (vg.CTRL_VLAN_CLASS, 0, b""), (vg.CTRL_VLAN_CLASS, 0, b"\1"), (vg.CTRL_VLAN_CLASS, 0, bytes(3)),
                (vg.CTRL_VLAN_CLASS, 0, struct.pack("<H", 4096)), (vg.CTRL_VLAN_CLASS, 1, b"\xff\xff"),
                (vg.CTRL_VLAN_CLASS, 9, b"\1\0"), (vg.CTRL_ANNOUNCE_CLASS, 9, b"")):
            with self.subTest(command_class=command_class, command=command, data=data.hex()):
                self.assertEqual(self.a.control(command_class, command, data), vg.CTRL_ERR)
        self.assertEqual(self.a.control(vg.CTRL_RX_CLASS, 0, b"\1"), vg.CTRL_OK)

    def test_mac_table_larger_than_any_driver_needs_is_defined(self):
        for n in (64, 65, 1000, 4096):
            macs = b"".join(struct.pack("<HI", 0x02, i) for i in range(n))
            self.assertIn(self.a.control(vg.CTRL_MAC_CLASS, 0, struct.pack("<I", n) + macs + bytes(4)),
                          (vg.CTRL_OK, vg.CTRL_ERR))
        self.assert_exchange(self.a, self.b)


class Network(GuestTestCase):
    """What the network itself answers."""

    mode = "host"

    def test_dhcp_discover_gets_an_offer_and_request_an_address(self):
        nic = self.guest(0, MERGEABLE)
        mac = nic.mac()
        nic.transmit(vg.dhcp_frame(mac, 1, 0x12345678))
        frame = nic.receive(vg.parse_dhcp_reply)
        transaction, address, options = vg.parse_dhcp_reply(frame)
        self.assertEqual(transaction, 0x12345678)
        self.assertEqual(options[53], b"\2", "an OFFER")
        first, last = (struct.unpack("!I", socket.inet_aton(text))[0] for text in (SUBNET[1], SUBNET[3]))
        self.assertTrue(first < struct.unpack("!I", address)[0] <= last, socket.inet_ntoa(address))
        self.assertEqual(options[1], socket.inet_aton(SUBNET[5]))
        nic.transmit(vg.dhcp_frame(mac, 3, 0x12345679, bytes([50, 4]) + address))
        transaction, acknowledged, options = vg.parse_dhcp_reply(nic.receive(vg.parse_dhcp_reply))
        self.assertEqual((transaction, acknowledged, options[53]), (0x12345679, address, b"\5"))

    def test_two_guests_get_two_addresses(self):
        addresses = set()
        for i in range(2):
            nic = self.guest(i, PLAIN_RINGS)
            nic.transmit(vg.dhcp_frame(nic.mac(), 1, 0x1000 + i))
            addresses.add(vg.parse_dhcp_reply(nic.receive(vg.parse_dhcp_reply))[1])
        self.assertEqual(len(addresses), 2)

    def test_arp_for_the_gateway_is_answered(self):
        nic = self.guest(0, PLAIN_RINGS)
        nic.transmit(vg.arp_request(nic.mac(), socket.inet_aton("192.168.77.50"), GATEWAY))
        reply = nic.receive(lambda frame: vg.is_arp_reply(frame, GATEWAY))
        self.assertEqual(reply[:6], nic.mac())

    def test_two_nics_exchange_frames(self):
        self.assert_exchange(self.guest(0, PLAIN_RINGS), self.guest(1, MERGEABLE))

    def test_guest_that_comes_later_is_reached(self):
        a = self.guest(0, PLAIN_RINGS)
        a.transmit(numbered_frame(BROADCAST, a.mac(), 1))
        self.assert_exchange(a, self.guest(1, PLAIN_RINGS))


class SharedNetwork(Network):
    mode = "shared"

    def test_dhcp_names_router_and_name_server(self):
        nic = self.guest(0, PLAIN_RINGS)
        nic.transmit(vg.dhcp_frame(nic.mac(), 1, 7))
        options = vg.parse_dhcp_reply(nic.receive(vg.parse_dhcp_reply))[2]
        self.assertEqual(options[3], GATEWAY)
        self.assertIn(6, options)


class IsolatedNetwork(GuestTestCase):
    arguments = (*SUBNET, "--isolated")

    def test_isolated_guests_reach_the_gateway_and_not_each_other(self):
        a, b = self.guest(0, PLAIN_RINGS), self.guest(1, PLAIN_RINGS)
        b.transmit(numbered_frame(BROADCAST, b.mac(), 1))  # b's address could be learned
        for destination in (BROADCAST, b.mac(), b"\x01\0\x5e\0\0\1", b"\x02\0\0\0\0\x77"):
            a.transmit(numbered_frame(destination, a.mac(), 2))
        # The gateway's answer to b comes later than anything that a sent.
        for nic, address in ((b, "192.168.77.51"), (a, "192.168.77.50")):
            nic.transmit(vg.arp_request(nic.mac(), socket.inet_aton(address), GATEWAY))
            got = nic.receive_all_until(lambda frame: vg.is_arp_reply(frame, GATEWAY))
            self.assertFalse([frame for frame in got if is_numbered(frame)])


if __name__ == "__main__":
    unittest.main()
