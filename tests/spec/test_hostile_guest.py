# SPDX-License-Identifier: BSD-3-Clause
"""A guest that means harm: whatever guest A does, it is told so (DEVICE_NEEDS_RESET and a configuration interrupt)
or gets a defined result, its device works again after a reset, and guests B and C keep their traffic meanwhile.

    +-- this test ---------------------------+        +-- outrigger ------------------------+
    | guest A: memfd, rings  --- vfio-user --|--------|-- NIC 0 --+                         |
    | guest B: memfd, rings  --- vfio-user --|--------|-- NIC 1 --+-- switch -- libslirp    |
    | guest C: memfd, rings  --- vfio-user --|--------|-- NIC 2 --+                         |
    +----------------------------------------+        +-------------------------------------+

Descriptor chains first (on each of the three queues), then rings, then time, memory and registers.
"""
import os
import random
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import GuestTestCase
from virtio_guest import BROADCAST, CTRL, EVENT_RINGS, PLAIN_RINGS, RX, TX, is_numbered, numbered_frame

U64 = 0xffffffffffffffff


class Hostile(GuestTestCase):

    nics = 3
    features = EVENT_RINGS

    def setUp(self):
        super().setUp()
        self.b = self.guest(1, PLAIN_RINGS)
        self.c = self.guest(2, PLAIN_RINGS)
        self.a = self.guest(0, self.features)
        self.number = 0x100000

    def assert_bystanders_go_on(self):
        self.number += 2
        self.b.transmit(numbered_frame(self.c.mac(), self.b.mac(), self.number))
        self.c.receive(lambda frame: is_numbered(frame, self.number))
        self.c.transmit(numbered_frame(self.b.mac(), self.c.mac(), self.number + 1))
        self.b.receive(lambda frame: is_numbered(frame, self.number + 1))

    def poke(self):
        """A frame for everybody: a device with receive buffers must look at them."""
        self.b.transmit(numbered_frame(BROADCAST, self.b.mac(), 0x777))

    def outcome(self, queue=None):
        """ "reset" or "used", whichever comes. """
        def look():
            if self.a.status() & vg.NEEDS_RESET:
                return "reset"
            if queue is not None and queue.used_index() != queue.next_used:
                return "used"
            return None
        return vu.wait_until(look, "NEEDS_RESET or a used element")

    def assert_told(self):
        """NEEDS_RESET with a configuration interrupt."""
        self.assertEqual(self.outcome(), "reset")
        self.a.interrupted()

    def assert_recovers(self, **start):
        """Bystanders first, then the device itself, which works after a reset."""
        self.assert_bystanders_go_on()
        self.a.start(self.features, **start)
        vu.count_of(self.a.config_eventfd)
        self.assert_exchange(self.a, self.b, self.number + 0x1000000)

    def offer_raw(self, index, head):
        queue = self.a.queues[index]
        queue.offer(head)
        queue.kick()
        if index == RX:
            self.poke()

    # Chains. Each case writes descriptors and returns the head.

    def bad_chains(self, index):
        """(name, must be told, function that writes it and returns the head), of the direction that fits the queue."""
        memory, queue = self.a.memory, self.a.queues[index]
        size = queue.size
        right = vg.DESC_WRITE if index == RX else 0
        wrong = vg.DESC_WRITE ^ right
        at = memory.allocate(4096)
        end = memory.address + memory.size
        memory.write(at, bytes(vg.NET_HEADER) + numbered_frame(BROADCAST, self.a.mac(), 0x666, 500))

        def one(address, length, flags=None, following=0):
            def write():
                queue.set_descriptor(0, address, length, right if flags is None else flags, following)
                return 0
            return write

        def loop(n):
            def write():
                for i in range(n):
                    queue.set_descriptor(i, at, 16, right | vg.DESC_NEXT, (i + 1) % n)
                return 0
            return write

        def long_zero_chain():
            for i in range(size):
                queue.set_descriptor(i, at, 0, right | (vg.DESC_NEXT if i + 1 < size else 0), i + 1)
            return 0

        def head(value):
            return lambda: value

        cases = [
            ("loop of one", True, loop(1)),
            ("loop of two", True, loop(2)),
            ("loop of the whole ring", True, loop(size)),
            ("next just beyond the ring", True, one(at, 64, right | vg.DESC_NEXT, size)),
            ("next far beyond the ring", True, one(at, 64, right | vg.DESC_NEXT, 0xffff)),
            ("head just beyond the ring", True, head(size)),
            ("head far beyond the ring", True, head(0xffff)),
            ("address 0", True, one(0, 100)),
            ("address behind memory", True, one(end, 100)),
            ("last byte outside", True, one(end - 99, 100)),
            ("address + length wraps", True, one(U64 - 50, 100)),
            ("length 2^32 - 1", True, one(at, 0xffffffff)),
            ("zero length", False, one(at, 0)),
            ("zero length outside of memory", False, one(U64, 0)),
            ("zero length, whole ring", False, long_zero_chain),
            ("wrong direction", False, one(at, 512, wrong)),
            ("shorter than its header", False, one(at, 5)),
            ("header and nothing else", False, one(at, vg.NET_HEADER)),
            ("one byte", False, one(at, 1)),
            ("64 KiB and more", False, one(memory.address, 70000)),
            ("a mebibyte", False, one(memory.address, 1 << 20)),
            ("all flags", False, one(at, 100, 0xffff, 0xffff)),
        ]

        def table(address, length, flags=vg.DESC_INDIRECT):
            return one(address, length, flags)

        def with_table(entries, length=None, flags=vg.DESC_INDIRECT, following=0):
            def write():
                where = memory.allocate(16 * len(entries) + 16)
                for i, entry in enumerate(entries):
                    memory.write(where + 16 * i, struct.pack("<QIHH", *entry))
                queue.set_descriptor(0, where, 16 * len(entries) if length is None else length, flags, following)
                return 0
            return write

        good = (at, 512, right, 0)
        cases += [
            ("indirect table at 0", True, table(0, 32)),
            ("indirect table behind memory", True, table(end, 32)),
            ("indirect table half outside", True, table(end - 16, 32)),
            ("indirect table of 4 GiB", True, table(at, 0xfffffff0)),
            ("indirect table wraps", True, table(U64 - 15, 32)),
            ("indirect table without entries", True, table(at, 0)),
            ("indirect table of 15 bytes", True, with_table([good], 15)),
            ("indirect table of 17 bytes", True, with_table([good], 17)),
            ("indirect inside of indirect", True, with_table([(at, 32, vg.DESC_INDIRECT, 0)])),
            ("indirect with next", True, with_table([good], flags=vg.DESC_INDIRECT | vg.DESC_NEXT, following=1)),
            ("indirect next beyond its table", True, with_table([(at, 64, right | vg.DESC_NEXT, 1)])),
            ("indirect next far beyond", True, with_table([(at, 64, right | vg.DESC_NEXT, 0xffff)])),
            ("indirect loop of one", True, with_table([(at, 64, right | vg.DESC_NEXT, 0)])),
            ("indirect loop of two", True, with_table([(at, 64, right | vg.DESC_NEXT, 1),
                                                       (at, 64, right | vg.DESC_NEXT, 0)])),
            ("indirect entry outside of memory", True, with_table([(0, 64, right, 0)])),
            ("indirect longer than the ring", False, with_table(
                [(at, 4, right | vg.DESC_NEXT, i + 1) for i in range(4 * size)] + [good])),
        ]
        return cases

    def run_bad_chains(self, index):
        names = [name for name, _, _ in self.bad_chains(index)]
        for i, name in enumerate(names):
            with self.subTest(name):
                self.a.start(self.features, buffers=0 if index == RX else 4)
                vu.count_of(self.a.config_eventfd)
                _, must_be_told, write = self.bad_chains(index)[i]
                self.offer_raw(index, write())
                if must_be_told:
                    self.assert_told()
                elif index == RX:
                    self.a.client.round_trip()  # a buffer too small for the frame may just stay where it is
                else:
                    self.outcome(self.a.queues[index])
                self.assert_recovers()

    def test_bad_chains_on_the_transmit_queue(self):
        self.run_bad_chains(TX)

    def test_bad_chains_on_the_receive_queue(self):
        self.run_bad_chains(RX)

    def test_bad_chains_on_the_control_queue(self):
        self.run_bad_chains(CTRL)

    def test_wrong_direction_is_never_transmitted(self):
        frame = bytes(vg.NET_HEADER) + numbered_frame(BROADCAST, self.a.mac(), 0x666)
        at = self.a.memory.allocate(len(frame))
        self.a.memory.write(at, frame)
        self.offer_raw(TX, self.a.queues[TX].chain([(at, len(frame), True)]))
        self.outcome(self.a.queues[TX])
        self.assertEqual(self.a.memory.read(at, len(frame)), frame, "nor written to")
        self.a.start(self.features)
        self.a.transmit(numbered_frame(BROADCAST, self.a.mac(), 0x667))
        got = self.b.receive_all_until(lambda got: is_numbered(got, 0x667))
        self.assertFalse([frame for frame in got if is_numbered(frame, 0x666)])

    def test_wrong_direction_is_never_received_into(self):
        self.a.start(self.features, buffers=0)
        at = self.a.memory.allocate(2048)
        self.a.memory.write(at, b"\x5a" * 2048)
        self.offer_raw(RX, self.a.queues[RX].chain([(at, 2048, False)]))
        self.outcome(self.a.queues[RX])
        self.assertEqual(self.a.memory.read(at, 2048), b"\x5a" * 2048)
        self.assert_recovers()

    def test_control_reply_in_front_of_the_request(self):
        queue = self.a.queues[CTRL]
        at = self.a.memory.allocate(64)
        self.offer_raw(CTRL, queue.chain([(at, 1, True), (at + 8, 2, False), (at + 16, 1, False)]))
        self.outcome(queue)
        self.assert_recovers()

    def test_control_command_without_room_for_the_reply(self):
        queue = self.a.queues[CTRL]
        at = self.a.memory.allocate(64)
        self.offer_raw(CTRL, queue.chain([(at, 2, False), (at + 8, 1, False)]))
        self.outcome(queue)
        self.assert_recovers()

    def test_control_command_of_a_mebibyte(self):
        queue = self.a.queues[CTRL]
        self.offer_raw(CTRL, queue.chain([(self.a.memory.address, 1 << 20, False),
                                          (self.a.memory.address + (1 << 20), 1, True)]))
        self.outcome(queue)
        self.assert_recovers()

    def test_indirect_that_was_not_negotiated(self):
        self.a.start(PLAIN_RINGS)
        vu.count_of(self.a.config_eventfd)
        self.offer_raw(TX, self.a.transmit_chain(numbered_frame(BROADCAST, self.a.mac(), 1), indirect=True))
        self.assert_told()
        self.assert_recovers()

    # Rings.

    def test_available_index_that_jumps_by_more_than_the_ring(self):
        for index in (RX, TX, CTRL):
            for jump in (self.a.queues[index].size + 1, 0x7fff, 0x8000, 0xffff):
                with self.subTest(queue=index, jump=jump):
                    self.a.start(self.features, buffers=0)
                    vu.count_of(self.a.config_eventfd)
                    queue = self.a.queues[index]
                    queue.memory.set_u16(queue.driver + 2, jump)
                    queue.kick()
                    if index == RX:
                        self.poke()
                    self.assert_told()
                    self.assert_recovers()

    def test_available_index_that_goes_back(self):
        for _ in range(3):
            self.a.transmit(numbered_frame(BROADCAST, self.a.mac(), 1))
        queue = self.a.queues[TX]
        queue.memory.set_u16(queue.driver + 2, 1)
        queue.kick()
        self.assert_told()
        self.assert_recovers()

    def test_ring_addresses_outside_of_memory(self):
        end = self.a.memory.address + self.a.memory.size
        for index in (RX, TX, CTRL):
            for part in ("descriptors", "driver", "device"):
                for address in (0, end, end - 16, U64 & ~0xfff, U64 & ~0xf, 1 << 63, 0xdead0000):
                    with self.subTest(queue=index, part=part, address=hex(address)):
                        self.a.prepare(self.features)
                        vu.count_of(self.a.config_eventfd)
                        for queue in self.a.queues.values():
                            self.a.enable_queue(queue, **({part: address} if queue.index == index else {}))
                        # Who finds out before DRIVER_OK has nobody to interrupt.
                        early = self.a.status() & vg.NEEDS_RESET
                        self.a.add_status(vg.DRIVER_OK)
                        queue = self.a.queues[index]
                        queue.memory.set_u16(queue.driver + 2, 1)
                        queue.kick()
                        if index == RX:
                            self.poke()
                        self.assertEqual(self.outcome(), "reset")
                        if not early:
                            self.a.interrupted()
                        self.assert_bystanders_go_on()
        self.assert_recovers()

    def test_ring_addresses_that_are_not_aligned(self):
        for part, shift in (("descriptors", 1), ("descriptors", 8), ("driver", 1), ("device", 1), ("device", 2)):
            with self.subTest(part=part, shift=shift):
                self.a.prepare(self.features)
                for queue in self.a.queues.values():
                    self.a.enable_queue(queue, **({part: getattr(queue, part) + shift} if queue.index == TX else {}))
                self.a.add_status(vg.DRIVER_OK)
                for queue in self.a.queues.values():
                    queue.kick()
                self.a.client.round_trip()
                self.assert_recovers()

    def test_rings_on_top_of_each_other(self):
        self.a.prepare(self.features)
        same = self.a.queues[RX].descriptors
        for queue in self.a.queues.values():
            self.a.enable_queue(queue, same, same, same)
        self.a.add_status(vg.DRIVER_OK)
        for _ in range(10):
            for queue in self.a.queues.values():
                queue.kick()
            self.poke()
        self.a.client.round_trip()
        self.assert_recovers()

    def test_queue_sizes_that_make_no_sense(self):
        for size in (0, 3, 63, 100, 0x7fff, 0x8000, 0xffff):
            with self.subTest(size=size):
                self.a.prepare(self.features)
                for queue in self.a.queues.values():
                    self.a.set(vg.QUEUE_SELECT, queue.index)
                    self.a.set(vg.QUEUE_SIZE, size)
                    self.a.set(vg.QUEUE_DESC, queue.descriptors)
                    self.a.set(vg.QUEUE_DRIVER, queue.driver)
                    self.a.set(vg.QUEUE_DEVICE, queue.device)
                    self.a.set(vg.QUEUE_ENABLE, 1)
                self.a.add_status(vg.DRIVER_OK)
                for queue in self.a.queues.values():
                    queue.memory.set_u16(queue.driver + 2, 1)
                    queue.kick()
                self.poke()
                self.a.client.round_trip()
                self.assert_recovers()

    def test_ring_written_over_at_random(self):
        # A guest that writes anything anywhere at any time. The seed is fixed: what fails once fails again.
        dice = random.Random(20251122)
        for _ in range(60):
            self.a.start(self.features, buffers=8)
            for _ in range(8):
                queue = self.a.queues[dice.choice((RX, TX, CTRL))]
                start = dice.choice((queue.descriptors, queue.driver, queue.device))
                for _ in range(dice.randrange(1, 20)):
                    self.a.memory.write(start + dice.randrange(64), dice.choice(
                        (bytes([dice.randrange(256)]), dice.randbytes(2), dice.randbytes(16),
                         struct.pack("<QIHH", self.a.memory.address + dice.randrange(4096),
                                     dice.choice((0, 1, 12, 60, 1514, 65536)), dice.randrange(8),
                                     dice.randrange(queue.size)))))
                queue.memory.set_u16(queue.driver + 2, queue.next_avail + dice.randrange(4))
                queue.kick(posted=dice.random() < 0.5)
                if dice.random() < 0.3:
                    self.poke()
            self.a.client.round_trip()
        self.assert_recovers()

    # Time.

    def test_reset_in_the_middle_of_traffic(self):
        for how in ("status", "reset", "status posted"):
            for i in range(8):
                with self.subTest(how, i=i):
                    queue = self.a.queues[TX]
                    heads = [self.a.transmit_chain(numbered_frame(BROADCAST, self.a.mac(), 1, 1000))
                             for _ in range(32)]
                    queue.offer(*heads)
                    queue.kick(posted=True)
                    self.poke()
                    bar, at, _ = self.a.windows[vg.VIRTIO_COMMON]
                    if how == "reset":
                        self.a.client.reset()
                    elif how == "status":
                        self.a.set(vg.DEVICE_STATUS, 0)
                    else:
                        self.a.client.region_post(bar, at + vg.DEVICE_STATUS[0], b"\0")
                    vu.wait_until(lambda: self.a.status() == 0, "the reset done")
                    used = queue.used_index()
                    self.poke()
                    self.assert_bystanders_go_on()
                    self.assertEqual(queue.used_index(), used, "a device that was reset goes on using the ring")
                    self.a.start(self.features)
        self.assert_recovers()

    def test_guest_that_never_kicks(self):
        self.a.start(self.features, buffers=0)
        queue = self.a.queues[RX]
        address = self.a.memory.allocate(2048)
        head = queue.chain([(address, 2048, True)])
        self.a.receive_buffers[head] = address
        queue.offer(head)
        out = self.a.queues[TX]
        out.offer(*[self.a.transmit_chain(numbered_frame(BROADCAST, self.a.mac(), i)) for i in range(10)])
        self.poke()
        self.a.client.round_trip()
        # A device may look on its own. The kick that comes after all brings everything out, in order.
        out.kick()
        got = self.b.receive_all_until(lambda frame: is_numbered(frame, 9))
        self.assertEqual([vg.number_of(frame) for frame in got if is_numbered(frame)], list(range(10)))
        self.assert_recovers()

    def test_guest_that_never_takes_a_frame(self):
        # Its frames are dropped, after a bounded number; the sender is not held up.
        self.a.start(self.features, buffers=0)
        before = self.server.status_kib("VmRSS")
        frames = [numbered_frame(BROADCAST, self.b.mac(), i, 1514) for i in range(60)]
        for _ in range(100):
            self.b.transmit(*frames)
        self.assertLess(self.server.status_kib("VmRSS"), before + 48 * 1024)
        self.c.receive(lambda frame: is_numbered(frame, 0))
        while self.c.queues[RX].used_index() != self.c.queues[RX].next_used:
            self.c.receive_any()
        self.a.start(self.features)
        self.a.transmit(numbered_frame(BROADCAST, self.a.mac(), 0x999))
        self.b.receive(lambda frame: is_numbered(frame, 0x999))

    def test_kick_of_a_queue_that_is_not_enabled(self):
        self.a.prepare(self.features)
        self.a.enable_queue(self.a.queues[RX])
        self.a.add_status(vg.DRIVER_OK)
        for index in (TX, CTRL):
            queue = self.a.queues[index]
            queue.memory.set_u16(queue.driver + 2, 1)
            queue.kick()
        self.a.client.round_trip()
        self.assertFalse(self.a.status() & vg.NEEDS_RESET)
        self.assert_recovers()

    def test_kick_before_driver_ok_and_after_a_reset(self):
        queue = self.a.queues[TX]
        notify = queue.notify_at
        self.a.reset()
        self.a.client.region_write(*notify, b"\1\0")
        self.a.prepare(self.features)
        for queue in self.a.queues.values():
            queue.kick()
            self.a.enable_queue(queue)
            queue.kick()
        self.a.add_status(vg.DRIVER_OK)
        self.assert_recovers()

    def test_kick_of_a_queue_that_does_not_exist(self):
        bar, at, size = self.a.windows[vg.VIRTIO_NOTIFY]
        for offset in (0, 2, 4, size - 2, size - 4):
            for data in (b"\xff\xff", b"\x03\0", b"\1", b"\1\0\0\0", bytes(8), b"\xff" * 8):
                self.a.client.request(vu.REGION_WRITE, vu.region_write_payload(bar, at + max(0, offset), data))
        self.assert_recovers()

    def test_storm_of_kicks(self):
        bar, at = self.a.queues[TX].notify_at
        kick = vu.message(vu.REGION_WRITE, vu.region_write_payload(bar, at, b"\1\0"), flags=vu.FLAG_NO_REPLY)
        self.a.client.send_raw(kick * 20000)
        self.assert_bystanders_go_on()
        self.a.client.round_trip()
        self.assert_recovers()

    def test_queue_that_is_changed_after_it_was_enabled(self):
        queue = self.a.queues[TX]
        self.a.set(vg.QUEUE_SELECT, TX)
        for register, value in ((vg.QUEUE_SIZE, 2), (vg.QUEUE_DESC, 0), (vg.QUEUE_DRIVER, 0), (vg.QUEUE_DEVICE, 0),
                                (vg.QUEUE_ENABLE, 0), (vg.QUEUE_ENABLE, 1), (vg.QUEUE_ENABLE, 0xffff)):
            self.a.set(register, value)
            queue.kick()
        self.a.client.round_trip()
        self.assert_recovers()

    def test_features_that_are_changed_after_driver_ok(self):
        self.a.accept(0)
        self.a.accept(U64)
        queue = self.a.queues[TX]
        queue.offer(self.a.transmit_chain(numbered_frame(BROADCAST, self.a.mac(), 5), indirect=True))
        queue.kick()
        self.a.client.round_trip()
        self.assert_recovers()

    def test_status_bits_in_any_order(self):
        for status in (vg.DRIVER_OK, vg.FEATURES_OK, vg.FAILED, vg.NEEDS_RESET, 0xff, vg.DRIVER_OK | vg.FEATURES_OK):
            self.a.reset()
            self.a.set(vg.DEVICE_STATUS, status)
            self.a.client.region_write(*(self.a.windows[vg.VIRTIO_NOTIFY][:2]), b"\0\0")
            self.a.client.round_trip()
        self.assert_recovers()

    # Memory.

    def test_memory_unmapped_under_active_rings(self):
        for index in (TX, RX):
            with self.subTest(queue=index):
                self.a.start(self.features)
                vu.count_of(self.a.config_eventfd)
                self.a.memory.unmap_from(self.a.client)
                self.assertFalse(self.server_holds_memory_of_a())
                self.a.queues[index].kick()
                self.poke()
                self.assert_bystanders_go_on()
                self.a.client.round_trip()
                self.a.memory.map_into(self.a.client)
                self.assert_recovers()

    def server_holds_memory_of_a(self):
        # All guests' memory files have the same name: b's and c's are mapped once each.
        with open(f"/proc/{self.server.pid}/maps", encoding="utf-8") as maps:
            return sum("memfd:guest" in line for line in maps) > 2

    def test_memory_unmapped_and_mapped_again_under_active_rings(self):
        # As a VMM does when it moves memory about: the rings are where they were.
        for _ in range(10):
            self.a.memory.unmap_from(self.a.client)
            self.a.memory.map_into(self.a.client)
            self.assert_exchange(self.a, self.b, 0x2000)

    def test_memory_truncated_under_active_rings(self):
        for index in (TX, RX, CTRL):
            with self.subTest(queue=index):
                memory = vg.Memory(name="short")
                self.addCleanup(memory.close)
                self.a.reset()
                self.a.memory.unmap_from(self.a.client)
                old, self.a.memory = self.a.memory, memory
                memory.map_into(self.a.client)
                self.a.start(self.features)
                vu.count_of(self.a.config_eventfd)
                queue = self.a.queues[index]
                os.ftruncate(memory.fd, 0)  # from here on this test must not touch it either
                try:
                    queue.kick()
                    if index == RX:
                        self.poke()
                    self.assert_told()
                    memory.unmap_from(self.a.client)
                except vu.PeerClosed:
                    # The other defined result: who takes its memory away loses its connection.
                    self.a.client.close()
                    self.a.client = vu.connect_when_free(self.path(0))
                    self.addCleanup(self.a.client.close)
                self.a.memory = old
                old.map_into(self.a.client)
                self.assert_recovers()

    def test_descriptors_that_change_while_the_device_reads_them(self):
        # The write races with the device on purpose; whatever it reads, it must have checked.
        queue = self.a.queues[TX]
        at = self.a.memory.allocate(4096)
        good = struct.pack("<QIHH", at, 100, 0, 0)
        bad = struct.pack("<QIHH", U64 - 8, 0xffffffff, vg.DESC_NEXT, 0xffff)
        for i in range(200):
            self.a.memory.write(queue.descriptors, good)
            queue.memory.set_u16(queue.driver + 4 + 2 * (queue.next_avail % queue.size), 0)
            queue.next_avail = (queue.next_avail + 1) & 0xffff
            queue.memory.set_u16(queue.driver + 2, queue.next_avail)
            queue.kick(posted=True)
            for _ in range(i % 7):
                self.a.memory.write(queue.descriptors, bad)
                self.a.memory.write(queue.descriptors, good)
            if self.a.status() & vg.NEEDS_RESET:
                self.a.start(self.features)
                queue = self.a.queues[TX]
                at = self.a.memory.allocate(4096)
                good = struct.pack("<QIHH", at, 100, 0, 0)
        self.assert_recovers()

    # Registers.

    def test_unaligned_and_oversized_register_accesses(self):
        bar, at, size = self.a.windows[vg.VIRTIO_COMMON]
        for offset in range(size + 4):
            for length in (1, 2, 3, 4, 5, 7, 8, 12, 16, 64):
                self.a.client.request(vu.REGION_READ, vu.region_read_payload(bar, at + offset, length))
                for byte in (b"\xff", b"\0", b"\x5a"):
                    self.a.client.request(vu.REGION_WRITE, vu.region_write_payload(bar, at + offset, byte * length))
            self.a.client.round_trip()
        self.assert_recovers()

    def test_every_word_of_every_bar_written(self):
        for index in range(6):
            size = self.a.client.region_info(index)["size"]
            for value in (b"\xff" * 4, bytes(4), b"\1\0\0\0"):
                for offset in range(0, min(size, 1 << 16), 4):
                    self.a.client.region_post(index, offset, value)
                self.a.client.round_trip()
        self.assert_recovers()

    def test_whole_bars_written_in_one_access(self):
        for index in range(6):
            size = min(self.a.client.region_info(index)["size"], self.a.client.max_data_xfer_size)
            if size:
                for byte in (b"\xff", b"\0", b"\x5a"):
                    self.a.client.request(vu.REGION_WRITE, vu.region_write_payload(index, 0, byte * size))
                    self.a.client.request(vu.REGION_READ, vu.region_read_payload(index, 0, size))
        self.assert_recovers()


if __name__ == "__main__":
    unittest.main()
