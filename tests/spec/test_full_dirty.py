# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: which pages the device wrote to (rules 98 to 100).

outrigger-test-device writes where its DMA engine is told to; FILL writes without looking at anything.
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

PAGE = 4096
MIB = 1 << 20
BASE = 1 << 32
U64 = (1 << 64) - 1
# Ways to write to shared memory, which each have to say so.
WAYS = (regs.DMA_PIN, regs.DMA_TRANSLATE, regs.DMA_WAIT, regs.DMA_ASYNC)


class DirtyTestCase(DeviceTestCase):
    def setUp(self):
        super().setUp()
        self.fd = self.memfd(16 * MIB)
        self.client.dma_map(BASE, 4 * MIB, self.fd)

    def write(self, offset, length, way=regs.DMA_PIN, base=BASE):
        self.assertEqual(self.client.dma(regs.DMA_FILL | way, base + offset, length, pattern=0xdd), 0)

    def report_refused(self, iova=BASE, length=MIB, page_size=PAGE, room=1 << 16, cut=None):
        data = struct.pack("<QQQ", iova, length, page_size)[:cut]
        return self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_GET | vu.FEATURE_LOGGING_REPORT, data, 8 + room))

    def start_refused(self, page_size=PAGE, num_ranges=0, ranges=(), cut=None):
        data = struct.pack("<QII", page_size, num_ranges, 0) + b"".join(struct.pack("<QQ", *each) for each in ranges)
        return self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_LOGGING_START, data[:cut]))


class Written(DirtyTestCase):
    def test_098_bits_of_written_pages_only(self):
        self.client.logging_start()
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set())
        for way in WAYS:
            self.write(3 * PAGE, 1, way)
            self.write(7 * PAGE - 1, 2, way)
            self.write(1023 * PAGE, PAGE, way)
            self.assertEqual(self.client.logging_report(BASE, 4 * MIB), {3, 6, 7, 1023})
            self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set(), "reading clears")

    def test_098_reads_are_no_writes(self):
        self.client.logging_start()
        for way in WAYS:
            self.assertEqual(self.client.dma(regs.DMA_READ | way, BASE, MIB), 0)
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set())

    def test_098_write_to_every_page(self):
        self.client.logging_start()
        for i in range(4):
            self.write(i * MIB, MIB)
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set(range(1024)))

    def test_098_nothing_is_logged_before_start_and_after_stop(self):
        self.write(0, PAGE)
        self.client.logging_start()
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set())
        self.write(PAGE, PAGE)
        self.client.logging_stop()
        self.write(2 * PAGE, PAGE)
        self.client.logging_start()
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set())

    def test_098_pinned_memory_is_dirty_once_it_is_unpinned(self):
        self.client.logging_start()
        self.write(5 * PAGE, 2 * PAGE, regs.DMA_PIN | regs.DMA_HOLD)
        early = self.client.logging_report(BASE, 4 * MIB)
        self.client.set(regs.REG_DMA_UNPIN, 1)
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), {5, 6}, "it may have been written up to then")
        self.assertIn(early, (set(), {5, 6}))

    def test_098_bits_past_the_end_are_zero(self):
        # logging_report() looks for them; each number of pages around the words of the bitmap.
        self.client.logging_start()
        for pages in (1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129):
            self.write(0, MIB)
            self.assertEqual(self.client.logging_report(BASE, pages * PAGE), set(range(pages)))

    def test_098_start_again_keeps_what_was_logged_or_says_no(self):
        self.client.logging_start()
        self.write(PAGE, 1)
        self.assertEqual(self.client.logging_start(), PAGE)
        self.assertEqual(self.client.logging_report(BASE, MIB), {1})

    def test_098_larger_pages_combine(self):
        self.client.logging_start()
        for page_size in (8192, 65536, MIB, 4 * MIB, 1 << 30):
            self.write(0, 1)
            self.write(77 * PAGE, 1)
            self.write(1000 * PAGE + 5, 3 * PAGE)
            pages = {at * PAGE // page_size for at in (0, 77, 1000, 1001, 1002, 1003)}
            with self.subTest(page_size=page_size):
                self.assertEqual(self.client.logging_report(BASE, 4 * MIB, page_size), pages)
                self.assertEqual(self.client.logging_report(BASE, 4 * MIB), set())

    def test_098_smaller_pages_replicate(self):
        self.client.logging_start()
        for page_size in (2048, 1024, 512):
            n = PAGE // page_size
            self.write(2 * PAGE + 1, 1)
            with self.subTest(page_size=page_size):
                self.assertEqual(self.client.logging_report(BASE, MIB, page_size), set(range(2 * n, 3 * n)))

    def test_098_page_size_of_start_is_a_hint(self):
        for page_size in (1, 512, 4096, 65536, 1 << 30, 1 << 63):
            chosen = self.client.logging_start(page_size)
            self.assertEqual(chosen & (chosen - 1), 0)
            self.assertGreaterEqual(chosen, 1)
            self.write(PAGE, 1)
            self.assertEqual(self.client.logging_report(BASE, MIB), {1})
            self.client.logging_stop()

    def test_098_messages_are_the_clients_to_track(self):
        self.client.message_memory(BASE + 64 * MIB, MIB)
        self.client.logging_start()
        for way in (regs.DMA_WAIT, regs.DMA_ASYNC):
            self.write(0, PAGE, way, BASE + 64 * MIB)
        self.assertEqual(self.client.logging_report(BASE + 64 * MIB, MIB), set())

    def test_098_log_goes_with_the_client(self):
        self.client.logging_start()
        self.write(0, PAGE)
        self.reconnect()
        self.client.dma_map(BASE, 4 * MIB, self.fd)
        self.assertEqual(self.report_refused(), errno.EINVAL)
        self.client.logging_start()
        self.assertEqual(self.client.logging_report(BASE, MIB), set())

    def test_098_device_without_migration_logs_too_or_says_no(self):
        probe = vu.feature_payload(vu.FEATURE_PROBE | vu.FEATURE_SET | vu.FEATURE_LOGGING_START)
        self.assertEqual(self.client.ok(vu.DEVICE_FEATURE, probe), probe)

    def test_098_random_writes_against_a_list(self):
        rng = random.Random(98)
        self.client.logging_start()
        dirty = set()
        for _ in range(150):
            if rng.random() < 0.6:
                length = rng.choice((1, 100, PAGE, 3 * PAGE + 1, 200000))
                offset = rng.randrange(4 * MIB - length)
                self.write(offset, length, rng.choice(WAYS))
                dirty |= set(range(offset // PAGE, (offset + length - 1) // PAGE + 1))
            else:
                first = rng.randrange(1024)
                n = rng.randrange(1, 1025 - first)
                expected = {page - first for page in dirty if first <= page < first + n}
                self.assertEqual(self.client.logging_report(BASE + first * PAGE, n * PAGE), expected)
                dirty -= set(range(first, first + n))


class Ranges(DirtyTestCase):
    def test_099_sub_range(self):
        self.client.logging_start()
        for page in (0, 9, 10, 19, 20, 1023):
            self.write(page * PAGE, 1)
        self.assertEqual(self.client.logging_report(BASE + 10 * PAGE, 10 * PAGE), {0, 9})
        self.assertEqual(self.client.logging_report(BASE, 4 * MIB), {0, 9, 20, 1023}, "the others are still to be told")

    def test_099_unaligned_ends(self):
        self.client.logging_start()
        for iova, length, expected in ((BASE + 1, PAGE, {0}), (BASE + PAGE - 1, 2, {0}), (BASE + 4 * PAGE + 5, 1, {0}),
                                       (BASE + 100, 3 * PAGE + 1, {0, 1, 2, 3})):
            for i in range(8):
                self.write(i * PAGE, PAGE)
            with self.subTest(iova=hex(iova), length=length):
                self.assertEqual(self.client.logging_report(iova, length), expected)

    def test_099_page_that_was_asked_for_in_part_is_not_lost(self):
        self.client.logging_start()
        self.write(0, 2 * PAGE)
        self.assertEqual(self.client.logging_report(BASE, PAGE + 1), {0, 1})
        self.assertIn(1, self.client.logging_report(BASE, 4 * PAGE), "its other part may have been written")

    def test_099_several_maps_and_holes(self):
        self.client.dma_map(BASE + 4 * MIB, MIB, self.fd, offset=4 * MIB)
        self.client.dma_map(BASE + 6 * MIB, PAGE, self.fd, offset=6 * MIB)
        self.client.message_memory(BASE + 7 * MIB, MIB)
        self.client.logging_start()
        self.write(4 * MIB - PAGE, 2 * PAGE)  # over the border
        self.write(6 * MIB, PAGE)
        self.assertEqual(self.client.logging_report(BASE, 8 * MIB), {1023, 1024, 1536})
        self.write(4 * MIB - PAGE, 2 * PAGE)
        self.assertEqual(self.client.logging_report(BASE + 3 * MIB, 2 * MIB, MIB), {0, 1})

    def test_099_range_without_any_map_is_clean(self):
        self.client.logging_start()
        self.assertEqual(self.client.logging_report(0, MIB), set())

    def test_099_last_pages_of_the_address_space(self):
        self.client.dma_map(U64 - MIB + 1, MIB, self.fd, offset=8 * MIB)
        self.client.logging_start()
        self.write(MIB - 1, 1, base=U64 - MIB + 1)
        self.assertEqual(self.client.logging_report(U64 - MIB + 1, MIB), {255})

    def test_099_maps_added_after_start_are_covered(self):
        self.client.logging_start()
        for i, size in enumerate((PAGE, 64 * PAGE, 65 * PAGE, MIB)):
            base = BASE + (8 + 4 * i) * MIB
            self.client.dma_map(base, size, self.fd)
            self.write(size - PAGE, PAGE, base=base)
            self.assertEqual(self.client.logging_report(base, size), {size // PAGE - 1})

    def test_099_map_that_took_the_place_of_another_is_clean(self):
        self.client.logging_start()
        for size in (4 * MIB, PAGE):
            self.write(0, size if size < MIB else MIB)
            self.client.dma_unmap(BASE, 4 * MIB) if size > MIB else self.client.dma_unmap(BASE, PAGE)
            self.client.dma_map(BASE, PAGE, self.fd)
            self.assertEqual(self.client.logging_report(BASE, PAGE), set())

    def test_099_ranges_of_start_are_covered_at_least(self):
        self.client.logging_start(PAGE, [(BASE, MIB), (BASE + 2 * MIB, MIB)])
        self.write(5, 1)
        self.write(2 * MIB, 1)
        self.assertLessEqual({0, 512}, self.client.logging_report(BASE, 4 * MIB))

    def test_099_report_of_a_large_map_in_parts(self):
        # A bitmap is no larger than what the client accepts in a message; QEMU's 1 MiB here.
        self.client.logging_start()
        self.write(3 * MIB, 1)
        for at in range(0, 4, 1):
            self.assertEqual(self.client.logging_report(BASE + at * MIB, MIB), {0} if at == 3 else set())


class Malformed(DirtyTestCase):
    def test_100_report_without_start_is_refused(self):
        self.assertEqual(self.report_refused(), errno.EINVAL)
        self.client.logging_start()
        self.client.logging_stop()
        self.assertEqual(self.report_refused(), errno.EINVAL)

    def test_100_stop_without_start_is_defined(self):
        self.client.request(vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_SET | vu.FEATURE_LOGGING_STOP))

    def test_100_page_sizes_that_are_no_power_of_two_are_refused(self):
        for page_size in (0, 3000, 4095, 4097, 12288, U64, (1 << 63) + 1):
            self.assertEqual(self.start_refused(page_size), errno.EINVAL)
        self.client.logging_start()
        for page_size in (0, 3000, 4095, 4097, 12288, U64, (1 << 63) + 1):
            self.assertEqual(self.report_refused(page_size=page_size), errno.EINVAL)

    def test_100_lengths_of_nothing_and_beyond_the_end_are_refused(self):
        self.client.logging_start()
        for iova, length in ((BASE, 0), (0, 0), (U64, 2), (U64 - PAGE + 1, 2 * PAGE), (1 << 63, 1 << 63 | 4096),
                             (PAGE, U64)):
            with self.subTest(iova=hex(iova), length=hex(length)):
                self.report_refused(iova, length, 1 << 40)

    def test_100_argsz_without_room_is_refused(self):
        self.client.logging_start()
        for room in (0, 1, 23, 24, 25, 31):
            with self.subTest(room=room):
                self.assertEqual(self.report_refused(length=64 * PAGE, room=room), errno.EINVAL)
        self.write(0, 1)
        self.report_refused(length=65 * PAGE, room=24 + 8)
        self.assertEqual(self.client.logging_report(BASE, 64 * PAGE), {0}, "a refused report clears nothing")

    def test_100_short_requests_are_refused(self):
        self.client.logging_start()
        for cut in range(24):
            self.assertEqual(self.report_refused(cut=cut), errno.EINVAL)
        for cut in range(16):
            self.assertEqual(self.start_refused(cut=cut), errno.EINVAL)

    def test_100_huge_length_is_refused_without_a_huge_allocation(self):
        self.client.logging_start()
        before = self.server.status_kib("VmPeak")
        for length, page_size in ((1 << 62, PAGE), (1 << 62, 1), (U64, PAGE), (1 << 40, 1), (1 << 36, 1)):
            for room in ((1 << 32) - 9, 1 << 16):
                with self.subTest(length=hex(length), page_size=page_size):
                    self.assertIn(self.report_refused(0, length, page_size, room), (errno.EINVAL, errno.E2BIG))
        self.assertLess(self.server.status_kib("VmPeak"), before + 64 * 1024)

    def test_100_largest_report_that_a_client_accepts(self):
        # Its limit is in a message's data: 1 MiB of bitmap are 32 GiB of memory.
        self.client.logging_start()
        self.write(MIB, 1)
        data = self.client.feature_get(vu.FEATURE_LOGGING_REPORT, struct.pack("<QQQ", BASE, 1 << 35, PAGE), 24 + MIB)
        self.assertEqual(int.from_bytes(data[24:], "little"), 1 << 256)
        self.report_refused(BASE, (1 << 35) + 64 * PAGE, PAGE, 24 + MIB + 8)

    def test_100_ranges_that_do_not_fit_the_payload_are_refused(self):
        whole = [(BASE, MIB), (BASE + MIB, MIB)]
        for num_ranges in (0, 1, 3, 255, 1 << 28, (1 << 32) - 1):
            with self.subTest(num_ranges=num_ranges):
                self.start_refused(num_ranges=num_ranges, ranges=whole)
        for num_ranges in (1, 3, 255, 1 << 28, (1 << 32) - 1):
            self.start_refused(num_ranges=num_ranges)
        for cut in range(17, 48):
            if (cut - 16) % 16:
                self.start_refused(num_ranges=(cut - 16) // 16, ranges=whole, cut=cut)
        self.assertEqual(self.report_refused(), errno.EINVAL, "nothing was started")

    def test_100_ranges_that_are_none_are_refused(self):
        for each in ((BASE, 0), (U64, 2), (U64 - PAGE + 1, 2 * PAGE), (PAGE, U64)):
            self.assertEqual(self.start_refused(num_ranges=1, ranges=[each]), errno.EINVAL)
            self.assertEqual(self.start_refused(num_ranges=2, ranges=[(BASE, MIB), each]), errno.EINVAL)

    def test_100_operations_that_a_feature_does_not_have_are_refused(self):
        for index, operation in ((vu.FEATURE_LOGGING_START, vu.FEATURE_GET), (vu.FEATURE_LOGGING_STOP, vu.FEATURE_GET),
                                 (vu.FEATURE_LOGGING_REPORT, vu.FEATURE_SET)):
            for probe in (0, vu.FEATURE_PROBE):
                self.assertEqual(self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(
                    operation | probe | index, struct.pack("<QQQ", 4096, 0, 4096))), errno.EINVAL)


if __name__ == "__main__":
    unittest.main()
