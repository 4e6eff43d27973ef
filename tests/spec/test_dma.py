# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: DMA maps (checklist rules 30 to 47).

Whether a mapping works is asked of the device itself: NIC 0 transmits from it or receives into it, NIC 1 is the
other end.

Left out:
  44, 45, 46  DMA_READ and DMA_WRITE: a NIC does not send them. test_044 holds it to that; test_full_dma.py has a
              device that does.
"""
import fcntl
import os
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import ServedTestCase

R = vu.DMA_FLAG_READ
W = vu.DMA_FLAG_WRITE
U64 = 0xffffffffffffffff
MIB = 1 << 20


class Maps(ServedTestCase):
    """Answers to MAP and UNMAP."""

    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.fd = self.memfd(4 * MIB)

    def refused(self, address, size, fd=None, flags=R | W, offset=0, argsz=32):
        return self.client.refused(vu.DMA_MAP, vu.dma_map_payload(address, size, flags, offset, argsz),
                                   () if fd is None else (fd,))

    def unmap_refused(self, address, size, flags=0, argsz=24):
        return self.client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(address, size, flags, argsz))

    def assert_not_held(self, name="memfd:guest"):
        self.assertFalse(self.server.holds(name), f"{name} is still open or mapped")

    def test_030_map_of_each_kind_is_answered_by_a_header(self):
        self.client.dma_map(0 * MIB, MIB)
        self.client.dma_map(1 * MIB, MIB, self.fd)
        self.client.dma_map(2 * MIB, MIB, self.fd, flags=R)
        self.client.dma_map(3 * MIB, MIB, self.fd, flags=W)
        self.client.dma_map(4 * MIB, MIB, self.fd, offset=MIB)
        self.client.dma_map((1 << 40), MIB, self.fd, offset=3 * MIB)
        self.client.dma_map(U64 - MIB + 1, MIB, self.fd)

    def test_031_map_with_an_access_mode(self):
        self.client.dma_map(0, MIB, self.fd, flags=R | W | vu.DMA_FLAG_MMAP)
        self.client.dma_map(MIB, MIB, self.fd, flags=R | W | vu.DMA_FLAG_FILE)

    def test_032_access_mode_without_an_fd_is_refused(self):
        for mode in (vu.DMA_FLAG_MMAP, vu.DMA_FLAG_FILE, vu.DMA_FLAG_MMAP | vu.DMA_FLAG_FILE):
            self.assertEqual(self.refused(0, MIB, flags=R | W | mode), vu.EINVAL)

    def test_032_both_access_modes_are_refused(self):
        self.assertEqual(self.refused(0, MIB, self.fd, R | W | vu.DMA_FLAG_MMAP | vu.DMA_FLAG_FILE), vu.EINVAL)
        self.assert_not_held()

    def test_032_unknown_flags_are_refused(self):
        for bit in range(4, 32):
            self.assertEqual(self.refused(0, MIB, self.fd, R | W | 1 << bit), vu.EINVAL)
        self.assert_not_held()
        self.client.dma_map(0, MIB, self.fd)

    def test_033_overlap_is_refused(self):
        base = 16 * MIB
        self.client.dma_map(base, MIB, self.fd)
        other = self.memfd(4 * MIB, "other")
        for what, address, size in (("the same", base, MIB), ("head", base - 4096, 8192),
                                    ("tail", base + MIB - 4096, 8192), ("inside", base + 4096, 4096),
                                    ("first page", base, 4096), ("last page", base + MIB - 4096, 4096),
                                    ("around", base - MIB, 3 * MIB), ("longer", base, 2 * MIB),
                                    ("everything", 0, 1 << 32)):
            for fd in (other, None):
                with self.subTest(what, fd=fd is not None):
                    if fd is not None and size > 4 * MIB:
                        continue
                    self.assertEqual(self.refused(address, size, fd), vu.EEXIST)
        self.assert_not_held("memfd:other")
        self.client.dma_unmap(base, MIB)
        self.assert_not_held()

    def test_034_neighbours_do_not_overlap(self):
        base = 16 * MIB
        self.client.dma_map(base, MIB, self.fd)
        self.client.dma_map(base - 4096, 4096, self.fd)
        self.client.dma_map(base + MIB, 4096, self.fd)

    def test_034_neighbours_at_the_ends_of_the_address_space(self):
        self.client.dma_map(0, 4096)
        self.client.dma_map(4096, 4096)
        self.client.dma_map(U64 - 4095, 4096)
        self.client.dma_map(U64 - 8191, 4096)

    def test_035_size_0_is_refused(self):
        self.assertEqual(self.refused(0, 0, self.fd), vu.EINVAL)
        self.assertEqual(self.refused(MIB, 0), vu.EINVAL)
        self.assert_not_held()

    def test_035_map_that_wraps_is_refused(self):
        for address, size in ((U64 - 4095, 8192), (4096, U64 - 4095), (U64 - 4095, U64 - 4095), (1 << 63, 1 << 63),
                              ((1 << 63) + 4096, 1 << 63)):
            if address + size == 1 << 64:
                continue
            for fd in (None, self.fd):
                self.refused(address, size, fd)
        self.assert_not_held()

    def test_035_offset_that_wraps_is_refused(self):
        for offset in (U64 - 4095, 1 << 63, (1 << 63) - 4096):
            self.refused(0, MIB, self.fd, offset=offset)
        self.assert_not_held()

    def test_035_unaligned_map_is_refused(self):
        for address, size, offset in ((1, 4096, 0), (0, 4097, 0), (0, 1, 0), (2048, 2048, 0), (4095, 4096, 0)):
            self.assertEqual(self.refused(address, size, self.fd, offset=offset), vu.EINVAL)
            self.assertEqual(self.refused(address, size), vu.EINVAL)
        self.assert_not_held()

    def test_035_absurd_size_is_refused_or_costs_nothing(self):
        before = self.server.status_kib("VmRSS")
        for size in (1 << 46, 1 << 52, 1 << 62):
            for fd in (None, self.fd):
                with self.subTest(size=size, fd=fd is not None):
                    reply = self.client.request(vu.DMA_MAP, vu.dma_map_payload(0, size),
                                                () if fd is None else (fd,))
                    if not reply.is_error:
                        self.client.dma_unmap(0, size)
        self.assertLess(self.server.status_kib("VmRSS"), before + 64 * 1024)
        self.assert_not_held()

    def test_035_payload_too_short_is_refused(self):
        whole = vu.dma_map_payload(0, MIB)
        for n in range(32):
            self.client.refused(vu.DMA_MAP, whole[:n], [self.fd])
        self.assert_not_held()

    def test_035_argsz_too_small_is_refused(self):
        for argsz in range(32):
            self.assertEqual(self.refused(0, MIB, self.fd, argsz=argsz), vu.EINVAL)
        self.assert_not_held()

    def test_035_unmap_too_short_is_refused(self):
        self.client.dma_map(0, MIB)
        for n in range(24):
            self.client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(0, MIB)[:n])
        for argsz in range(24):
            self.unmap_refused(0, MIB, argsz=argsz)
        self.client.dma_unmap(0, MIB)

    def test_036_more_maps_than_max_dma_maps_are_refused(self):
        limit = self.client.max_dma_maps
        self.assertLessEqual(limit, 65535)
        in_flight = 0
        for i in range(limit):
            self.client.send(vu.DMA_MAP, vu.dma_map_payload(i * 8192, 4096), msg_id=i & 0xffff)
            in_flight += 1
            if in_flight == 512 or i == limit - 1:
                for reply in [self.client.receive() for _ in range(in_flight)]:
                    self.assertFalse(reply.is_error, reply)
                in_flight = 0
        self.refused(limit * 8192, 4096)
        self.refused(limit * 8192, 4096, self.fd)
        self.assert_not_held()
        self.client.dma_unmap(8192, 4096)
        self.client.dma_map(8192, 4096)
        self.client.dma_unmap(0, 0, vu.DMA_UNMAP_ALL)

    def test_037_fd_of_the_wrong_kind_is_refused(self):
        reading, writing = os.pipe()
        closed_reading, closed = os.pipe()
        os.close(closed_reading)
        path_only = os.open(f"/proc/self/fd/{self.fd}", os.O_PATH)
        left, right = socket.socketpair()
        directory = os.open("/tmp", os.O_RDONLY)
        event = self.eventfd()
        read_only = os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY)
        try:
            for what, fd in (("pipe", reading), ("pipe", writing), ("closed pipe", closed),
                             ("path", path_only), ("socket", left.fileno()),
                             ("directory", directory), ("eventfd", event), ("read-only file", read_only)):
                with self.subTest(what):
                    self.refused(0, MIB, fd)
            self.assert_not_held()
            self.client.dma_map(0, MIB, read_only, flags=R)
        finally:
            for fd in (reading, writing, closed, path_only, directory, read_only):
                os.close(fd)
            left.close()
            right.close()

    def test_037_sealed_file_is_mapped_for_reading_only(self):
        sealed = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, sealed)
        os.ftruncate(sealed, MIB)
        fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        self.refused(0, MIB, sealed)
        self.refused(0, MIB, sealed, flags=W)
        self.assert_not_held("memfd:sealed")
        self.client.dma_map(0, MIB, sealed, flags=R)

    def test_037_range_beyond_the_end_of_the_file_does_no_harm(self):
        reply = self.client.request(vu.DMA_MAP, vu.dma_map_payload(0, 8 * MIB), [self.fd])
        if reply.is_error:
            self.assert_not_held()

    def test_038_two_fds_have_a_defined_result(self):
        second = self.memfd(MIB, "second")
        reply = self.client.request(vu.DMA_MAP, vu.dma_map_payload(0, MIB), [self.fd, second])
        self.assert_not_held("memfd:second")
        if reply.is_error:
            self.assert_not_held()
        else:
            self.client.dma_unmap(0, MIB)
            self.assert_not_held()

    def test_039_unmap_releases_memory_and_fd_before_the_reply(self):
        for flags in (R | W, R, R | W | vu.DMA_FLAG_MMAP):
            self.client.dma_map(MIB, MIB, self.fd, flags=flags)
            self.assertTrue(self.server.holds("memfd:guest"))
            self.client.dma_unmap(MIB, MIB)
            self.assert_not_held()

    def test_040_unmap_of_anything_but_one_whole_map_is_refused(self):
        self.client.dma_map(16 * MIB, MIB, self.fd)
        self.client.dma_map(17 * MIB, MIB, self.fd)
        for address, size in ((16 * MIB, 4096), (16 * MIB + 4096, MIB - 4096), (16 * MIB, 2 * MIB),
                              (15 * MIB, 2 * MIB), (15 * MIB, 4 * MIB), (0, MIB), (32 * MIB, MIB), (16 * MIB, 0),
                              (0, 0), (16 * MIB + 1, MIB), (U64, 1), (U64, U64)):
            with self.subTest(address=address, size=size):
                self.assertIn(self.unmap_refused(address, size), (vu.ENOENT, vu.EINVAL))
        self.client.dma_unmap(16 * MIB, MIB)
        self.assertEqual(self.unmap_refused(16 * MIB, MIB), vu.ENOENT)
        self.client.dma_unmap(17 * MIB, MIB)

    def test_041_unmap_all(self):
        for i in range(10):
            self.client.dma_map(i * MIB, MIB, self.fd if i % 2 else None)
        self.client.dma_unmap(0, 0, vu.DMA_UNMAP_ALL)
        self.assert_not_held()
        self.assertEqual(self.unmap_refused(0, MIB), vu.ENOENT)
        self.client.dma_unmap(0, 0, vu.DMA_UNMAP_ALL)

    def test_042_unmap_all_with_a_range_is_refused(self):
        self.client.dma_map(0, MIB, self.fd)
        for address, size in ((MIB, 0), (0, MIB), (MIB, MIB), (U64, U64)):
            self.assertEqual(self.unmap_refused(address, size, vu.DMA_UNMAP_ALL), vu.EINVAL)
        self.client.dma_unmap(0, MIB)

    def test_042_unknown_unmap_flags_are_refused(self):
        self.client.dma_map(0, MIB, self.fd)
        for flags in (1, 3, *(1 << bit for bit in range(2, 32))):
            self.assertEqual(self.unmap_refused(0, MIB, flags), vu.EINVAL)
        self.client.dma_unmap(0, MIB)

    def test_043_map_again_after_unmap(self):
        for i in range(50):
            self.client.dma_map(MIB, MIB, self.fd, offset=(i % 4) * MIB)
            self.client.dma_unmap(MIB, MIB)
        self.assert_not_held()

    def test_pipelined_maps_and_unmaps_as_qemu_sends_them(self):
        n = 64
        for i in range(n):
            self.client.send(vu.DMA_MAP, vu.dma_map_payload(i * MIB, MIB), [self.fd], msg_id=i)
        for i in range(n):
            self.assertFalse(self.client.receive_reply(vu.DMA_MAP, i).is_error)
        for i in range(n):
            self.client.send(vu.DMA_UNMAP, vu.dma_unmap_payload(i * MIB, MIB), msg_id=i)
        for i in range(n):
            self.assertFalse(self.client.receive_reply(vu.DMA_UNMAP, i).is_error)
        self.assert_not_held()

    def test_maps_made_without_a_reply(self):
        self.client.send(vu.DMA_MAP, vu.dma_map_payload(0, MIB), [self.fd], flags=vu.FLAG_NO_REPLY)
        self.client.send(vu.DMA_MAP, vu.dma_map_payload(0, MIB), [self.fd], flags=vu.FLAG_NO_REPLY)
        self.client.dma_unmap(0, MIB)
        self.assert_not_held()


class Access(ServedTestCase):
    """What the device does with the memory it was given."""

    def nic(self, index, memory=None, map_it=True):
        client = self.connect(index)
        if memory is None:
            memory = vg.Memory()
            self.addCleanup(memory.close)
        if map_it:
            memory.map_into(client)
        nic = vg.Nic(client, memory)
        self.addCleanup(nic.close)
        return nic

    def setUp(self):
        super().setUp()
        self.a = self.nic(0)
        self.b = self.nic(1)
        self.a.start()
        self.b.start()

    def transmit_from(self, address, length, of=None):
        """Offer NIC 0 a frame at that address; what becomes of it is the caller's to see."""
        queue = (of or self.a).queues[vg.TX]
        queue.offer(queue.chain([(address, length, False)]))
        queue.kick()

    def frame(self, sequence):
        return vg.numbered_frame(vg.BROADCAST, self.a.mac(), sequence)

    def assert_needs_reset_or_dropped(self, nic, sequence):
        """The device gave up or took the chain; in both cases NIC 1 gets no frame of that number."""
        queue = nic.queues[vg.TX]
        vu.wait_until(lambda: nic.status() & vg.NEEDS_RESET or queue.used_index() != queue.next_used,
                      "NEEDS_RESET or a used element")
        nic.start()
        nic.transmit(self.frame(sequence + 1))
        got = self.b.receive_all_until(lambda frame: vg.is_numbered(frame, sequence + 1))
        self.assertFalse([frame for frame in got if vg.is_numbered(frame, sequence)])

    def test_030_data_is_seen_through_a_second_map_with_a_file_offset(self):
        fd = self.memfd(4 * vg.PAGE, "second")
        frame = bytes(vg.NET_HEADER) + self.frame(1)
        os.pwrite(fd, frame, 2 * vg.PAGE + 100)
        self.a.client.dma_map(1 << 32, 2 * vg.PAGE, fd, offset=2 * vg.PAGE)
        self.transmit_from((1 << 32) + 100, len(frame))
        self.b.receive(lambda got: vg.is_numbered(got, 1))
        self.a.client.dma_unmap(1 << 32, 2 * vg.PAGE)

    def test_030_frame_across_two_adjacent_maps(self):
        first, second = self.memfd(vg.PAGE, "first"), self.memfd(vg.PAGE, "second")
        frame = bytes(vg.NET_HEADER) + self.frame(2)
        os.pwrite(first, frame[:30], vg.PAGE - 30)
        os.pwrite(second, frame[30:], 0)
        self.a.client.dma_map(1 << 32, vg.PAGE, first)
        self.a.client.dma_map((1 << 32) + vg.PAGE, vg.PAGE, second)
        self.transmit_from((1 << 32) + vg.PAGE - 30, len(frame))
        self.b.receive(lambda got: vg.is_numbered(got, 2))

    def test_030_read_only_map_can_be_transmitted_from(self):
        fd = self.memfd(vg.PAGE, "readonly")
        frame = bytes(vg.NET_HEADER) + self.frame(3)
        os.pwrite(fd, frame, 0)
        self.a.client.dma_map(1 << 32, vg.PAGE, fd, flags=R)
        self.transmit_from(1 << 32, len(frame))
        self.b.receive(lambda got: vg.is_numbered(got, 3))

    def test_030_read_only_map_is_never_written(self):
        fd = self.memfd(vg.PAGE, "readonly")
        os.pwrite(fd, b"\x5a" * vg.PAGE, 0)
        self.a.client.dma_map(1 << 32, vg.PAGE, fd, flags=R)
        self.a.start(buffers=0)
        queue = self.a.queues[vg.RX]
        queue.offer(queue.chain([(1 << 32, vg.PAGE, True)]))
        queue.kick()
        self.b.transmit(vg.numbered_frame(vg.BROADCAST, self.b.mac(), 4))
        vu.wait_until(lambda: self.a.status() & vg.NEEDS_RESET or queue.used_index(),
                      "NEEDS_RESET or a used element")
        self.assertEqual(os.pread(fd, vg.PAGE, 0), b"\x5a" * vg.PAGE)

    def test_030_write_only_map_is_never_transmitted_from(self):
        fd = self.memfd(vg.PAGE, "writeonly")
        frame = bytes(vg.NET_HEADER) + self.frame(6)
        os.pwrite(fd, frame, 0)
        self.a.client.dma_map(1 << 32, vg.PAGE, fd, flags=W)
        self.transmit_from(1 << 32, len(frame))
        self.assert_needs_reset_or_dropped(self.a, 6)

    def test_031_data_is_seen_with_each_access_mode(self):
        for number, mode in ((8, vu.DMA_FLAG_MMAP), (9, vu.DMA_FLAG_FILE)):
            with self.subTest(mode=mode):
                fd = self.memfd(vg.PAGE, "mode")
                frame = bytes(vg.NET_HEADER) + self.frame(number)
                os.pwrite(fd, frame, 0)
                self.a.client.dma_map(1 << 32, vg.PAGE, fd, flags=R | W | mode)
                self.transmit_from(1 << 32, len(frame))
                self.b.receive(lambda got: vg.is_numbered(got, number))
                self.a.client.dma_unmap(1 << 32, vg.PAGE)

    def test_039_memory_that_was_unmapped_is_not_read(self):
        fd = self.memfd(vg.PAGE, "gone")
        frame = bytes(vg.NET_HEADER) + self.frame(10)
        os.pwrite(fd, frame, 0)
        self.a.client.dma_map(1 << 32, vg.PAGE, fd)
        self.a.client.dma_unmap(1 << 32, vg.PAGE)
        self.transmit_from(1 << 32, len(frame))
        self.assert_needs_reset_or_dropped(self.a, 10)

    def test_043_another_file_at_the_same_address_is_the_one_that_counts(self):
        for number in (12, 13, 14):
            fd = self.memfd(vg.PAGE, "swapped")
            frame = bytes(vg.NET_HEADER) + self.frame(number)
            os.pwrite(fd, frame, 0)
            self.a.client.dma_map(1 << 32, vg.PAGE, fd)
            self.transmit_from(1 << 32, len(frame))
            self.b.receive(lambda got: vg.is_numbered(got, number))
            self.a.client.dma_unmap(1 << 32, vg.PAGE)

    def test_044_memory_without_an_fd_is_not_reached_and_asked_for_by_no_message(self):
        self.a.client.dma_map(1 << 32, vg.PAGE)
        self.transmit_from(1 << 32, 72)
        self.assert_needs_reset_or_dropped(self.a, 15)
        self.a.client.round_trip()  # nothing else was sent to us

    def test_044_rings_in_memory_without_an_fd(self):
        memory = vg.Memory()
        self.addCleanup(memory.close)
        self.a.client.close()
        client = vu.connect_when_free(self.path(0))
        self.addCleanup(client.close)
        client.dma_map(memory.address, memory.size)
        nic = vg.Nic(client, memory)
        self.addCleanup(nic.close)
        nic.start()
        nic.queues[vg.TX].kick()
        client.round_trip()
        vu.wait_until(lambda: nic.status() & vg.NEEDS_RESET, "NEEDS_RESET")

    def assert_survived(self, number):
        """NEEDS_RESET, a used element or the end of the connection were all in order; now everything works anew."""
        self.a.client.close()
        nic = self.nic(0)
        nic.start()
        nic.transmit(vg.numbered_frame(vg.BROADCAST, nic.mac(), number))
        got = self.b.receive_all_until(lambda frame: vg.is_numbered(frame, number))
        self.assertFalse([frame for frame in got if vg.is_numbered(frame, 0x666)])
        self.a = nic

    def touch_truncated(self, index, fd, address):
        self.a.client.dma_map(1 << 32, 4 * vg.PAGE, fd)
        queue = self.a.queues[index]
        os.ftruncate(fd, vg.PAGE)
        queue.offer(queue.chain([(address, 2048, index == vg.RX)]))
        try:
            queue.kick()
            if index == vg.RX:
                self.b.transmit(vg.numbered_frame(vg.BROADCAST, self.b.mac(), 1))
            vu.wait_until(lambda: self.a.status() & vg.NEEDS_RESET or queue.used_index() != queue.next_used,
                          "NEEDS_RESET or a used element")
            self.a.client.round_trip()
            self.a.client.dma_unmap(1 << 32, 4 * vg.PAGE)
        except vu.PeerClosed:
            pass

    def test_047_file_truncated_after_map(self):
        # Both what is transmitted and what is received may touch pages that are no longer there.
        number = 100
        for index in (vg.TX, vg.RX):
            for offset in (vg.PAGE, vg.PAGE - 40, 2 * vg.PAGE):
                with self.subTest(queue=index, offset=offset):
                    fd = self.memfd(4 * vg.PAGE, "truncated")
                    frame = bytes(vg.NET_HEADER) + self.frame(0x666) + bytes(1500)
                    os.pwrite(fd, frame, offset)
                    self.a.start(buffers=0)
                    self.touch_truncated(index, fd, (1 << 32) + offset)
                    number += 1
                    self.assert_survived(number)


if __name__ == "__main__":
    unittest.main()
