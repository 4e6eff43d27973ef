# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: device and regions (checklist rules 48 to 68).

Left out:
  51  capability chains, and
  53  mappable regions: tested as far as any region of the NIC has one; today none does.
  56  sub-region fds: the NIC offers none; what GET_REGION_IO_FDS says then is tested.
  64  a region that is only readable or only writeable: the NIC has none.
  68  RESET that is not advertised: it is.
  test_full_regions.py and test_full_reset.py have a device with all of this.
"""
import mmap
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import ServedTestCase

U32 = 0xffffffff
U64 = 0xffffffffffffffff


class Device(ServedTestCase):
    def test_048_get_info(self):
        client = self.connect()
        argsz, flags, n_regions, n_irqs = struct.unpack(
            "<IIII", client.ok(vu.DEVICE_GET_INFO, vu.get_info_payload()))
        self.assertEqual(argsz, 16)
        self.assertEqual(flags, vu.DEVICE_FLAG_RESET | vu.DEVICE_FLAG_PCI)
        self.assertEqual((n_regions, n_irqs), (vu.PCI_REGIONS, vu.PCI_IRQS))

    def test_048_larger_argsz_gives_16(self):
        client = self.connect()
        for argsz in (17, 32, 4096, U32):
            payload = client.ok(vu.DEVICE_GET_INFO, vu.get_info_payload(argsz))
            self.assertEqual((len(payload), struct.unpack_from("<I", payload)[0]), (16, 16))

    def test_048_trailing_request_bytes_are_accepted(self):
        # QEMU pads requests to argsz.
        client = self.connect()
        self.assertEqual(len(client.ok(vu.DEVICE_GET_INFO, vu.get_info_payload(64) + bytes(48))), 16)
        client.ok(vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(vu.REGION_CONFIG, 256) + bytes(224))
        client.ok(vu.DEVICE_GET_IRQ_INFO, vu.irq_info_payload(vu.IRQ_MSIX, 64) + bytes(48))

    def test_049_get_info_too_short_is_refused(self):
        client = self.connect()
        for n in range(16):
            client.refused(vu.DEVICE_GET_INFO, vu.get_info_payload()[:n])
        for argsz in range(16):
            client.refused(vu.DEVICE_GET_INFO, vu.get_info_payload(argsz))
        client.round_trip()


class Regions(ServedTestCase):
    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.regions = {i: self.client.region_info(i) for i in range(self.client.get_info()[1])}
        self.bar = vg.common_config(self.client)[0]

    def test_050_region_info_for_each_index(self):
        for index, info in self.regions.items():
            with self.subTest(index=index):
                if info["size"] == 0:
                    self.assertEqual(info["flags"], 0)
                else:
                    self.assertEqual(info["flags"] & 3, 3)
                if index <= 5 and info["size"]:
                    self.assertEqual(info["size"] & (info["size"] - 1), 0, "the size of a BAR is a power of two")

    def test_050_config_space_is_256_or_4096_bytes(self):
        self.assertIn(self.regions[vu.REGION_CONFIG]["size"], (256, 4096))

    def test_050_regions_that_a_nic_does_not_have(self):
        for index in (vu.REGION_ROM, vu.REGION_VGA):
            self.assertEqual((self.regions[index]["size"], self.regions[index]["flags"]), (0, 0))

    def test_051_argsz_32_tells_what_is_needed(self):
        for index in self.regions:
            small = self.client.region_info(index, argsz=32)
            full = self.client.region_info(index, argsz=max(32, small["argsz"]))
            self.assertEqual(small["len"], 32)
            self.assertEqual(full["argsz"], small["argsz"])
            self.assertEqual(full["len"], full["argsz"])
            if small["argsz"] > 32:
                self.assertEqual(small["caps"], [])
            for info in (small, full):
                self.assertEqual(info["cap_offset"] != 0, bool(info["flags"] & vu.REGION_FLAG_CAPS))

    def test_052_capabilities_are_valid(self):
        for index, info in self.regions.items():
            for cap_id, version, body in info["caps"]:
                self.assertIn(cap_id, (1, 2))
                self.assertEqual(version, 1)
                if cap_id == 1:
                    n, _ = struct.unpack_from("<II", body)
                    for i in range(n):
                        offset, size = struct.unpack_from("<QQ", body, 8 + 16 * i)
                        self.assertTrue(0 < size <= info["size"] and offset <= info["size"] - size, index)

    def test_053_mappable_regions_agree_with_reads(self):
        for index, info in self.regions.items():
            self.assertEqual(len(info["fds"]), 1 if info["flags"] & vu.REGION_FLAG_MMAP else 0)
            if info["fds"]:
                with mmap.mmap(info["fds"][0], 4096, offset=info["offset"]) as mapped:
                    self.assertEqual(mapped[:64], self.client.region_read(index, 0, 64))

    def test_054_index_out_of_range_is_refused(self):
        for index in (len(self.regions), 100, 0x7fffffff, 0x80000000, U32):
            for argsz in (32, 4096):
                self.client.refused(vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(index, argsz))
        self.client.round_trip()

    def test_054_too_short_is_refused(self):
        for n in range(32):
            self.client.refused(vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(vu.REGION_CONFIG)[:n])
        for argsz in range(32):
            self.client.refused(vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(vu.REGION_CONFIG, argsz))
        self.client.round_trip()

    def test_054_absurd_argsz_gives_what_there_is(self):
        info = self.client.region_info(vu.REGION_CONFIG, argsz=U32)
        self.assertEqual(info["len"], info["argsz"])
        self.assertLess(info["len"], 4096)

    def test_055_sparse_mmap_fds_only_if_agreed(self):
        for info in self.regions.values():
            self.assertNotIn(0x8001, [cap[0] for cap in info["caps"]])

    def test_056_io_fds_lists_none_or_is_refused(self):
        for index in self.regions:
            reply = self.client.request(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(index))
            if not reply.is_error:
                argsz, flags, got, count = struct.unpack("<IIII", reply.payload)
                self.assertEqual((argsz, flags, got, count), (16, 0, index, 0))
                self.assertEqual(reply.fds, [])
            self.client.round_trip()

    def test_057_io_fds_malformed_is_refused(self):
        for payload in (vu.region_io_fds_payload(self.bar, flags=1), vu.region_io_fds_payload(self.bar, count=1),
                        vu.region_io_fds_payload(len(self.regions)), vu.region_io_fds_payload(U32),
                        *(vu.region_io_fds_payload(self.bar, argsz=n) for n in range(16)),
                        *(vu.region_io_fds_payload(self.bar)[:n] for n in range(16))):
            with self.subTest(payload=payload.hex()):
                self.client.refused(vu.DEVICE_GET_REGION_IO_FDS, payload)
        self.client.request(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(self.bar, argsz=U32))
        self.client.round_trip()

    def test_058_reads_of_every_size(self):
        whole = self.client.region_read(vu.REGION_CONFIG, 0, 256)
        for count in (1, 2, 3, 4, 5, 7, 8, 9, 16, 63, 64, 255, 256):
            for offset in (0, 1, 2, 3, 0x34, 256 - count):
                if offset + count <= 256:
                    with self.subTest(offset=offset, count=count):
                        self.assertEqual(self.client.region_read(vu.REGION_CONFIG, offset, count),
                                         whole[offset:offset + count])

    def test_058_writes_of_every_size(self):
        # Config space: COMMAND, which is 2 bytes between read-only ones, in writes that cover it differently.
        before = self.client.region_read(vu.REGION_CONFIG, 0, 64)
        for offset, count in ((4, 1), (4, 2), (4, 4), (0, 8), (2, 4), (3, 5), (0, 16), (1, 15)):
            for command in (vg.COMMAND_MEMORY | vg.COMMAND_MASTER, 0):
                with self.subTest(offset=offset, count=count, command=command):
                    wanted = bytearray(before)
                    wanted[4] = command
                    self.client.region_write(vu.REGION_CONFIG, offset, bytes(wanted[offset:offset + count]))
                    self.assertEqual(self.client.region_read(vu.REGION_CONFIG, 0, 64)[4], command)
        self.assertEqual(self.client.region_read(vu.REGION_CONFIG, 0, 4), before[:4])

    def test_059_whole_config_space_in_one_read(self):
        size = self.regions[vu.REGION_CONFIG]["size"]
        whole = self.client.region_read(vu.REGION_CONFIG, 0, size)
        self.assertEqual(struct.unpack_from("<HH", whole), (0x1af4, 0x1041))

    def test_060_whole_bar_in_one_read(self):
        for index, info in self.regions.items():
            size = min(info["size"], self.client.max_data_xfer_size)
            if size:
                self.assertEqual(len(self.client.region_read(index, 0, size)), size)

    def test_061_access_beyond_the_end_is_refused(self):
        for index, info in self.regions.items():
            size = info["size"]
            for offset, count in ((size, 1), (size, 4), (size - 1 if size else 0, 2), (0, size + 1),
                                  (U64, 1), (U64 - 3, 4), (U64 - 3, 8), (1 << 63, 4), (U64, U32)):
                if count > self.client.max_data_xfer_size and count != U32:
                    continue
                with self.subTest(region=index, offset=offset, count=count):
                    self.client.refused(vu.REGION_READ, vu.region_read_payload(index, offset, count))
                    if count <= 8192:
                        self.client.refused(vu.REGION_WRITE,
                                            vu.region_write_payload(index, offset, bytes(count)))
        self.client.round_trip()

    def test_061_count_above_the_limit_is_refused(self):
        for count in (self.client.max_data_xfer_size + 1, 1 << 31, U32):
            self.client.refused(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, count))
        self.client.round_trip()

    def test_061_region_out_of_range_is_refused(self):
        for index in (len(self.regions), 255, 1 << 31, U32):
            self.client.refused(vu.REGION_READ, vu.region_read_payload(index, 0, 4))
            self.client.refused(vu.REGION_WRITE, vu.region_write_payload(index, 0, b"1234"))
        self.client.round_trip()

    def test_061_payload_shorter_than_its_fixed_part_is_refused(self):
        for n in range(16):
            self.client.refused(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 4)[:n])
            self.client.refused(vu.REGION_WRITE, vu.region_write_payload(vu.REGION_CONFIG, 0, b"1234")[:n])
        self.client.round_trip()

    def test_062_write_with_more_or_less_data_than_count_is_refused(self):
        scratch = vg.Scratch(self.client)
        scratch.set(0x55)
        for count in (0, 1, 2, 3, 5, 6, 8, 4096, U32 - 15, U32):
            with self.subTest(count=count):
                self.client.refused(vu.REGION_WRITE, vu.region_write_payload(
                    scratch.region, scratch.offset, b"\xaa" * 4, count=count))
                self.assertEqual(scratch.get(), 0x55)

    def test_063_count_0_succeeds(self):
        for index in (vu.REGION_CONFIG, self.bar):
            for command, payload in ((vu.REGION_READ, vu.region_read_payload(index, 0, 0)),
                                     (vu.REGION_WRITE, vu.region_write_payload(index, 0, b""))):
                reply = self.client.ok(command, payload)
                self.assertIn(reply, (b"", payload[:16]))
        self.client.round_trip()

    def test_065_write_multi_keeps_the_order(self):
        scratch = vg.Scratch(self.client)
        for n in (1, 2, 200):
            writes = [(scratch.region, scratch.offset, struct.pack("<I", i)) for i in range(n)]
            reply = self.client.ok(vu.REGION_WRITE_MULTI, vu.write_multi_payload(writes))
            self.assertEqual(reply, struct.pack("<Q", n))
            self.assertEqual(scratch.get(), n - 1)

    def test_065_write_multi_applies_each_write(self):
        region, at = vg.common_config(self.client)
        self.client.region_write(region, at + vg.DEVICE_STATUS[0], b"\0")
        self.client.region_write(region, at + vg.DEVICE_STATUS[0], bytes([vg.ACKNOWLEDGE | vg.DRIVER]))
        entries = []
        for half, value in ((0, vg.NET_F_MAC), (1, 1)):
            entries += [(region, at + vg.DRIVER_FEATURE_SELECT[0], struct.pack("<I", half)),
                        (region, at + vg.DRIVER_FEATURE[0], struct.pack("<I", value))]
        self.client.ok(vu.REGION_WRITE_MULTI, vu.write_multi_payload(entries))
        for half, value in ((0, vg.NET_F_MAC), (1, 1)):
            self.client.region_write(region, at + vg.DRIVER_FEATURE_SELECT[0], struct.pack("<I", half))
            self.assertEqual(struct.unpack("<I", self.client.region_read(
                region, at + vg.DRIVER_FEATURE[0], 4))[0], value)
        self.client.reset()

    def test_065_write_multi_across_regions(self):
        scratch = vg.Scratch(self.client)
        self.client.ok(vu.REGION_WRITE_MULTI, vu.write_multi_payload(
            [(vu.REGION_CONFIG, vg.PCI_COMMAND, struct.pack("<H", vg.COMMAND_MASTER)),
             (scratch.region, scratch.offset, struct.pack("<I", 77))]))
        self.assertEqual(self.client.region_read(vu.REGION_CONFIG, vg.PCI_COMMAND, 1)[0], vg.COMMAND_MASTER)
        self.assertEqual(scratch.get(), 77)

    def test_065_write_multi_without_reply(self):
        scratch = vg.Scratch(self.client)
        self.client.send(vu.REGION_WRITE_MULTI, vu.write_multi_payload(
            [(scratch.region, scratch.offset, struct.pack("<I", 99))] * 200), flags=vu.FLAG_NO_REPLY)
        self.assertEqual(scratch.get(), 99)

    def test_066_malformed_write_multi_applies_nothing(self):
        scratch = vg.Scratch(self.client)
        scratch.set(0x55)
        good = (scratch.region, scratch.offset, b"\xaa\0\0\0")
        one = vu.write_multi_payload([good])
        malformed = {"count 9": vu.write_multi_payload([good, (*good, 9)]),
                     "count 2^32-1": vu.write_multi_payload([good, (*good, U32)]),
                     "empty": b""}
        for wr_cnt in (2, 3, 1000, 1 << 32, 1 << 61, (1 << 61) + 1, (U64 // 24) + 1, (U64 // 24) + 2, U64):
            malformed[f"wr_cnt {wr_cnt:#x}"] = vu.write_multi_payload([good], wr_cnt=wr_cnt)
        for n in (*range(1, 8), *range(8, len(one))):
            malformed[f"{n} bytes"] = one[:n]
        for what, payload in malformed.items():
            with self.subTest(what):
                self.client.refused(vu.REGION_WRITE_MULTI, payload)
                self.assertEqual(scratch.get(), 0x55)

    def test_066_write_multi_of_too_little_for_its_payload_is_defined(self):
        scratch = vg.Scratch(self.client)
        good = (scratch.region, scratch.offset, b"\xaa\0\0\0")
        for wr_cnt in (0, 1):
            reply = self.client.request(vu.REGION_WRITE_MULTI, vu.write_multi_payload([good, good], wr_cnt))
            if not reply.is_error:
                self.assertEqual(reply.payload, struct.pack("<Q", wr_cnt))
        self.client.round_trip()

    def test_066_write_multi_stops_at_the_first_failure(self):
        scratch = vg.Scratch(self.client)
        scratch.set(0)
        good = [(scratch.region, scratch.offset, struct.pack("<I", i)) for i in (1, 2, 3)]
        bad = (scratch.region, 1 << 40, b"1234")
        reply = self.client.request(vu.REGION_WRITE_MULTI, vu.write_multi_payload([*good[:2], bad, good[2]]))
        if reply.is_error:
            self.assertIn(scratch.get(), (0, 2))
        else:
            self.assertEqual(reply.payload, struct.pack("<Q", 2))
            self.assertEqual(scratch.get(), 2)


class Reset(ServedTestCase):
    nics = 2

    def nic(self, index):
        client = self.connect(index)
        memory = vg.Memory()
        self.addCleanup(memory.close)
        memory.map_into(client)
        nic = vg.Nic(client, memory)
        self.addCleanup(nic.close)
        return nic

    def test_067_reset_restores_defaults(self):
        nic = self.nic(0)
        nic.client.reset()
        fresh = nic.client.region_read(vu.REGION_CONFIG, 0, 256)
        nic.start(vg.EVERYTHING)
        for bar in range(6):
            nic.client.region_write(vu.REGION_CONFIG, vg.PCI_BAR0 + 4 * bar, b"\xff" * 4)
        self.assertNotEqual(nic.status(), 0)
        nic.client.reset()
        self.assertEqual(nic.status(), 0)
        self.assertEqual(nic.client.region_read(vu.REGION_CONFIG, 0, 256), fresh)
        for queue in range(3):
            nic.set(vg.QUEUE_SELECT, queue)
            self.assertEqual(nic.get(vg.QUEUE_ENABLE), 0)
            self.assertEqual(nic.get(vg.QUEUE_MSIX_VECTOR), vg.NO_VECTOR)
        self.assertEqual(nic.get(vg.CONFIG_MSIX_VECTOR), vg.NO_VECTOR)

    def test_067_dma_maps_and_irq_fds_survive_a_reset(self):
        # As QEMU relies on: it never sends its maps again.
        first, second = self.nic(0), self.nic(1)
        first.start()
        second.start()
        event = self.eventfd()
        first.client.set_irqs(vu.IRQ_MSIX, vu.SET_EVENTFD | vu.SET_TRIGGER, first.vectors - 1, 1, fds=[event])
        first.client.reset()
        first.client.set_irqs(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, first.vectors - 1, 1)
        self.assertEqual(vu.wait_event(event, "the vector"), 1)
        first.start()
        first.transmit(vg.numbered_frame(vg.BROADCAST, first.mac(), 1))
        second.receive(lambda frame: vg.is_numbered(frame, 1))

    def test_067_later_commands_wait_for_the_reset(self):
        client = self.connect()
        region, at = vg.common_config(client)
        read = vu.region_read_payload(region, at + vg.DEVICE_STATUS[0], 1)
        for _ in range(20):
            client.send_raw(
                vu.message(vu.REGION_WRITE, vu.region_write_payload(region, at + vg.DEVICE_STATUS[0],
                                                                    bytes([vg.ACKNOWLEDGE])), msg_id=1) +
                vu.message(vu.DEVICE_RESET, msg_id=2) +
                vu.message(vu.REGION_READ, read, msg_id=3))
            client.receive_reply(vu.REGION_WRITE, 1)
            client.receive_reply(vu.DEVICE_RESET, 2)
            self.assertEqual(client.receive_reply(vu.REGION_READ, 3).payload[16:], b"\0")

    def test_067_reset_with_a_payload_is_defined(self):
        client = self.connect()
        client.request(vu.DEVICE_RESET, bytes(8))
        client.round_trip()


if __name__ == "__main__":
    unittest.main()
