# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: regions of a device that has one of everything (rules 50 to 66), which is outrigger-test-device."""
import errno
import mmap
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_device_regs as regs
import vfio_user_client as vu
from fixture import DeviceTestCase

RW = vu.REGION_FLAG_READ | vu.REGION_FLAG_WRITE
SIZES = {0: regs.BAR0_SIZE, 1: regs.BAR1_SIZE, 2: regs.BAR2_SIZE, 3: regs.BAR3_SIZE, 4: regs.BAR4_SIZE,
         5: regs.BAR5_SIZE, vu.REGION_ROM: regs.ROM_SIZE, vu.REGION_CONFIG: 4096, vu.REGION_VGA: 0,
         regs.EXTRA_REGION: regs.EXTRA_SIZE}
ACCESS = {4: vu.REGION_FLAG_WRITE, 5: vu.REGION_FLAG_READ, vu.REGION_ROM: vu.REGION_FLAG_READ, vu.REGION_VGA: 0}
SPARSE_FDS = {"max_msg_fds": 8, "sparse_mmap_fds": True}
U32 = 0xffffffff
AREA = struct.Struct("<QQ")
AREA_FD = struct.Struct("<QQQII")


def areas(body, layout):
    """The entries of a sparse mmap capability's body, after its version."""
    n, _ = struct.unpack_from("<II", body)
    return [layout.unpack_from(body, 8 + i * layout.size) for i in range(n)]


class Info(DeviceTestCase):
    def caps(self, index):
        return {cap_id: body for cap_id, version, body in self.client.region_info(index)["caps"] if version == 1}

    def test_050_every_region_is_described(self):
        self.assertEqual(self.client.get_info()[1], len(SIZES))
        for index, size in SIZES.items():
            info = self.client.region_info(index)
            self.assertEqual(info["size"], size)
            self.assertEqual(info["flags"] & RW, ACCESS.get(index, RW), index)

    def test_052_device_specific_region_tells_its_type(self):
        body = self.caps(regs.EXTRA_REGION)[vu.CAP_TYPE]
        self.assertEqual(struct.unpack_from("<II", body), (regs.EXTRA_TYPE, regs.EXTRA_SUBTYPE))
        for index in range(vu.PCI_REGIONS):
            self.assertNotIn(vu.CAP_TYPE, self.caps(index))

    def test_052_sparse_areas_are_the_devices(self):
        self.assertEqual(areas(self.caps(2)[vu.CAP_SPARSE_MMAP], AREA), [(0x1000, 0x2000), (0x8000, 0x4000)])
        self.assertEqual(areas(self.caps(regs.EXTRA_REGION)[vu.CAP_SPARSE_MMAP], AREA), [(0x1000, 0x1000)])

    def test_051_every_argsz_up_to_what_is_needed(self):
        for index in (2, regs.EXTRA_REGION):
            needed = self.client.region_info(index)["argsz"]
            self.assertGreater(needed, 32)
            for argsz in range(32, needed):
                info = self.client.region_info(index, argsz)
                self.assertEqual((info["argsz"], info["fds"]), (needed, []), argsz)
                self.assertLessEqual(info["len"], argsz)
                self.assertFalse(info["flags"] & vu.REGION_FLAG_CAPS)
            for argsz in (needed, needed + 1, 4096):
                info = self.client.region_info(index, argsz)
                self.assertEqual((info["argsz"], len(info["fds"])), (needed, 1))

    def test_053_mapped_areas_and_messages_agree(self):
        for index, parts in ((1, [(0, regs.BAR1_SIZE)]), (2, [(0x1000, 0x2000), (0x8000, 0x4000)]),
                             (regs.EXTRA_REGION, [(0x1000, 0x1000)])):
            info = self.client.region_info(index)
            self.assertTrue(info["flags"] & vu.REGION_FLAG_MMAP)
            for offset, size in parts:
                with mmap.mmap(info["fds"][0], size, offset=info["offset"] + offset) as memory:
                    memory[5:10] = b"mmap!"
                    self.assertEqual(self.client.region_read(index, offset + 5, 5), b"mmap!")
                    self.client.region_write(index, offset + size - 3, b"msg")
                    self.assertEqual(memory[size - 3:], b"msg")

    def test_055_areas_with_fds_of_their_own_if_agreed(self):
        self.reconnect(capabilities=SPARSE_FDS)
        self.assertIs(self.client.capabilities["sparse_mmap_fds"], True)
        info = self.client.region_info(3)
        caps = {cap_id: body for cap_id, _, body in info["caps"]}
        self.assertNotIn(vu.CAP_SPARSE_MMAP, caps)
        self.assertTrue(info["flags"] & vu.REGION_FLAG_MMAP)
        parts = areas(caps[vu.CAP_SPARSE_MMAP_FDS], AREA_FD)
        self.assertEqual([part[:3] for part in parts], [(0, 0x1000, 0x1000), (0x2000, 0, 0x1000)])
        self.assertEqual(sorted(part[3] for part in parts), [0, 1])
        self.assertEqual(len(info["fds"]), 2)
        for offset, fd_offset, size, fd_index, _ in parts:
            with mmap.mmap(info["fds"][fd_index], size, offset=fd_offset) as memory:
                self.client.region_write(3, offset, b"area %d" % fd_index)
                self.assertEqual(memory[:6], b"area %d" % fd_index)
                memory[size - 1:] = b"\x77"
                self.assertEqual(self.client.region_read(3, offset + size - 1, 1), b"\x77")

    def test_055_other_regions_keep_the_plain_capability(self):
        self.reconnect(capabilities=SPARSE_FDS)
        for index in (1, 2, regs.EXTRA_REGION):
            info = self.client.region_info(index)
            self.assertEqual(len(info["fds"]), 1)
            self.assertNotIn(vu.CAP_SPARSE_MMAP_FDS, [cap_id for cap_id, *_ in info["caps"]])

    def test_055_not_agreed_means_a_region_that_cannot_be_mapped(self):
        for capabilities in ({}, {"sparse_mmap_fds": False, "max_msg_fds": 8}, vu.QEMU_CAPABILITIES):
            self.reconnect(capabilities=capabilities)
            self.assertNotIn("sparse_mmap_fds", {k for k, v in self.client.capabilities.items() if v})
            info = self.client.region_info(3)
            self.assertEqual((info["flags"] & vu.REGION_FLAG_MMAP, info["caps"], info["fds"]), (0, [], []))
            self.client.region_write(3, 0, b"by message")
            self.assertEqual(self.client.region_read(3, 0, 10), b"by message")

    def test_055_malformed_agreement_is_refused(self):
        self.client.close()
        for value in (1, "true", [], {}):
            with vu.Client(self.path(), handshake=False) as client:
                client.refused(vu.VERSION, vu.version_payload({"sparse_mmap_fds": value}))
                client.wait_closed()

    def test_029_055_client_that_takes_fewer_fds_gets_no_more(self):
        for n in (0, 1):
            self.reconnect(capabilities={"sparse_mmap_fds": True, "max_msg_fds": n})
            for index in SIZES:
                info = self.client.region_info(index)
                self.assertLessEqual(len(info["fds"]), n)
                if not info["fds"]:
                    self.assertFalse(info["flags"] & vu.REGION_FLAG_MMAP, f"region {index} with {n} fds")

    def test_054_index_out_of_range_is_refused(self):
        for index in (len(SIZES), len(SIZES) + 1, 1 << 31, U32):
            error = self.client.refused(vu.DEVICE_GET_REGION_INFO, vu.region_info_payload(index))
            self.assertEqual(error, errno.EINVAL)


class IoFds(DeviceTestCase):
    """BAR0 has four doorbells; one of them is a shadow ioeventfd, for which entries have 48 bytes."""

    SHADOWED = struct.Struct("<QQIIIIQQ")

    def test_056_entries_and_fds(self):
        got = self.client.region_io_fds(0)
        self.assertEqual((got["count"], got["stride"], got["argsz"]), (4, 48, 16 + 4 * 48))
        entries = [self.SHADOWED.unpack(entry) for entry in got["entries"]]
        at = regs.REG_DOORBELL
        self.assertEqual([entry[:2] for entry in entries], [(at, 4), (at + 4, 2), (at + 8, 0), (at + 12, 4)])
        self.assertEqual([entry[3] for entry in entries], [vu.IO_FD_IOEVENTFD] * 3 + [vu.IO_FD_SHADOW])
        self.assertEqual([entry[4] & vu.IO_FD_DATAMATCH for entry in entries], [0, 1, 0, 0])
        self.assertEqual(entries[1][7], regs.DOORBELL_MATCH)
        self.assertEqual((entries[3][5] < len(got["fds"]), entries[3][6]), (True, at + 12))
        for entry in entries:
            self.assertLess(entry[2], len(got["fds"]))
        self.assertEqual(len(got["fds"]), 5)

    def test_056_ringing_a_doorbell_by_its_fd(self):
        got = self.client.region_io_fds(0)
        for i, entry in enumerate(got["entries"]):
            before = self.client.reg(regs.REG_DOORBELLS + 4 * i)
            os.eventfd_write(got["fds"][self.SHADOWED.unpack(entry)[2]], 1)
            self.client.until_reg(regs.REG_DOORBELLS + 4 * i, before + 1, f"doorbell {i} rings")

    def test_056_ringing_a_doorbell_by_message_is_the_same(self):
        self.client.region_write(0, regs.REG_DOORBELL, bytes(4))
        self.client.region_write(0, regs.REG_DOORBELL + 4, struct.pack("<H", regs.DOORBELL_MATCH))
        self.client.region_write(0, regs.REG_DOORBELL + 4, b"\0\0")
        self.client.region_write(0, regs.REG_DOORBELL + 8, b"\0")
        self.client.region_write(0, regs.REG_DOORBELL + 12, bytes(4))
        self.assertEqual(struct.unpack("<4I", self.client.region_read(0, regs.REG_DOORBELLS, 16)), (1, 1, 1, 1))

    def test_056_small_argsz_gives_the_head_without_fds(self):
        needed = self.client.region_io_fds(0)["argsz"]
        for argsz in (16, 17, 56, 64, needed - 1):
            got = self.client.region_io_fds(0, argsz)
            self.assertEqual((got["argsz"], got["count"], got["entries"], got["fds"]), (needed, 4, [], []))
        for argsz in (needed, needed + 1, 1 << 16):
            self.assertEqual(len(self.client.region_io_fds(0, argsz)["fds"]), 5)

    def test_056_empty_list(self):
        for index in range(1, 8):
            got = self.client.region_io_fds(index)
            self.assertEqual((got["count"], got["argsz"], got["fds"]), (0, 16, []))

    def test_029_056_client_that_takes_fewer_fds_gets_no_more(self):
        for n in (0, 1, 3, 4):
            self.reconnect(capabilities={"max_msg_fds": n})
            got = self.client.region_io_fds(0)
            self.assertLessEqual(len(got["fds"]), n)
            for entry in got["entries"]:
                self.assertLess(self.SHADOWED.unpack(entry)[2], len(got["fds"]))

    def test_056_fds_are_not_shared_with_the_server_longer_than_the_client(self):
        before = len(self.server.fds())
        for _ in range(50):
            self.client.region_io_fds(0)
        self.client.round_trip()  # it has closed what it sent before it reads on
        self.assertEqual(len(self.server.fds()), before)

    def test_057_malformed_requests_are_refused(self):
        for flags, count in ((1, 0), (0, 1), (U32, 0), (0, U32)):
            self.client.refused(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(0, 4096, flags, count))
        for index in (len(SIZES), 1 << 31, U32, vu.REGION_VGA):  # the last has no flag at all
            self.client.refused(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(index, 4096))
        for argsz in (0, 15):
            self.client.refused(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(0, argsz))
        for n in range(16):
            self.client.refused(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(0, 4096)[:n])

    def test_057_absurd_argsz_is_refused_or_does_no_harm(self):
        for argsz in ((1 << 20) + 1, 1 << 31, U32):
            reply = self.client.request(vu.DEVICE_GET_REGION_IO_FDS, vu.region_io_fds_payload(0, argsz))
            self.assertTrue(reply.is_error or len(reply.payload) == 16 + 4 * 48)


class Access(DeviceTestCase):
    def test_058_every_size_and_alignment_in_each_region(self):
        for region in (0, 1, 2, 3, regs.EXTRA_REGION):
            base = regs.REG_MEMORY if region == 0 else 0x1ff0
            base = min(base, SIZES[region] - 64)
            for size in (1, 2, 3, 4, 5, 7, 8, 9, 16, 31):
                for at in range(4):
                    data = os.urandom(size)
                    self.client.region_write(region, base + at, data)
                    self.assertEqual(self.client.region_read(region, base + at, size), data)

    def test_058_whole_region_in_one_message(self):
        for region in (1, 2, 3, regs.EXTRA_REGION):
            data = os.urandom(SIZES[region])
            self.client.region_write(region, 0, data)
            self.assertEqual(self.client.region_read(region, 0, SIZES[region]), data)

    def test_059_whole_config_space_in_one_message(self):
        self.assertEqual(struct.unpack_from("<HH", self.client.region_read(vu.REGION_CONFIG, 0, 4096)),
                         (regs.VENDOR, regs.DEVICE))

    def test_061_beyond_the_end_is_refused(self):
        for region, size in SIZES.items():
            for offset, count in ((size, 1), (size - 1 if size else 0, 2), (0, size + 1), ((1 << 64) - 1, 1),
                                  ((1 << 64) - 4, 8), (1 << 63, 4), (0, (1 << 20) + 1), (0, U32)):
                self.client.refused(vu.REGION_READ, vu.region_read_payload(region, offset, count))
        for region in (len(SIZES), U32):
            self.client.refused(vu.REGION_READ, vu.region_read_payload(region, 0, 1))
            self.client.refused(vu.REGION_WRITE, vu.region_write_payload(region, 0, b"\0"))

    def test_064_read_of_what_can_only_be_written_is_refused(self):
        self.assertEqual(self.client.refused(vu.REGION_READ, vu.region_read_payload(4, 0, 4)), errno.EACCES)
        self.client.region_write(4, 0, b"hidden")
        self.assertEqual(self.client.region_read(5, 0, 6), b"hidden")

    def test_064_write_to_what_can_only_be_read_is_refused(self):
        for region in (5, vu.REGION_ROM):
            before = self.client.region_read(region, 0, 64)
            self.assertEqual(self.client.refused(vu.REGION_WRITE, vu.region_write_payload(region, 0, b"\xee" * 64)),
                             errno.EACCES)
            self.client.region_post(region, 0, b"\xee" * 64)
            self.assertEqual(self.client.region_read(region, 0, 64), before)

    def test_064_region_that_is_not_there_has_no_access(self):
        self.client.refused(vu.REGION_READ, vu.region_read_payload(vu.REGION_VGA, 0, 1))
        self.client.refused(vu.REGION_WRITE, vu.region_write_payload(vu.REGION_VGA, 0, b"\0"))

    def test_device_that_fails_an_access_says_with_what(self):
        for error in (errno.EIO, errno.ENOMEM, errno.EBUSY, 4095):
            self.client.fail(regs.KIND_READ, error)
            self.assertEqual(self.client.refused(vu.REGION_READ, vu.region_read_payload(1, 0, 4)), error)
            self.client.fail(regs.KIND_WRITE, error)
            self.assertEqual(self.client.refused(vu.REGION_WRITE, vu.region_write_payload(1, 0, bytes(4))), error)
        self.client.fail(regs.KIND_WRITE, errno.EIO)
        self.client.region_post(1, 0, b"lost")
        self.assertEqual(self.client.region_read(1, 0, 4), bytes(4))


class WriteMulti(DeviceTestCase):
    arguments = ("--write-multiple",)
    SIZES = ((0, regs.REG_MEMORY), (1, 0x80), (2, 0x1000), (3, 0x3000))

    def test_065_announced_to_who_asks_only(self):
        self.assertIs(self.client.capabilities["write_multiple"], True)
        for capabilities in ({}, {"write_multiple": False}):
            self.reconnect(capabilities=capabilities)
            self.assertNotIn("write_multiple", {k for k, v in self.client.capabilities.items() if v})

    def test_065_one_and_200_entries(self):
        for n in (1, 2, 200):
            writes = [(*self.SIZES[i % 4], struct.pack("<Q", i)[:1 + i % 8]) for i in range(n)]
            payload = self.client.ok(vu.REGION_WRITE_MULTI, vu.write_multi_payload(writes))
            self.assertEqual(struct.unpack("<Q", payload)[0], n)
            for i in range(max(0, n - 4), n):
                region, offset, data = writes[i]
                self.assertEqual(self.client.region_read(region, offset, len(data)), data)

    def test_065_order_is_preserved(self):
        writes = [(0, regs.REG_SCRATCH, bytes([i])) for i in range(200)]
        writes += [(0, regs.REG_DOORBELL, bytes(4))] * 50
        self.client.ok(vu.REGION_WRITE_MULTI, vu.write_multi_payload(writes))
        self.assertEqual((self.client.reg(regs.REG_SCRATCH), self.client.reg(regs.REG_DOORBELLS)), (199, 50))

    def test_065_without_reply(self):
        self.client.send(vu.REGION_WRITE_MULTI, vu.write_multi_payload([(0, regs.REG_SCRATCH, b"\x42")] * 200),
                         flags=vu.FLAG_NO_REPLY)
        self.assertEqual(self.client.reg(regs.REG_SCRATCH), 0x42)

    def test_065_none_at_all_is_defined(self):
        self.client.request(vu.REGION_WRITE_MULTI, vu.write_multi_payload([]))

    def test_065_stops_at_the_first_that_fails(self):
        writes = [(0, regs.REG_SCRATCH, b"\1"), (5, 0, b"\2"), (0, regs.REG_SCRATCH, b"\3")]
        reply = self.client.request(vu.REGION_WRITE_MULTI, vu.write_multi_payload(writes))
        self.assertEqual(self.client.reg(regs.REG_SCRATCH), 1)
        if not reply.is_error:
            self.assertEqual(struct.unpack("<Q", reply.payload)[0], 1)

    def test_065_entry_that_is_answered_late(self):
        self.client.defer(regs.KIND_WRITE)
        writes = [(0, regs.REG_MEMORY + 4 * i, bytes([i] * 4)) for i in range(3)]
        msg_id = self.client.send(vu.REGION_WRITE_MULTI, vu.write_multi_payload(writes))
        for _ in writes:
            self.client.until_reg(regs.REG_RELEASE, 1, "an entry waits")
            self.client.release(1)
        reply = self.client.receive_reply(vu.REGION_WRITE_MULTI, msg_id)
        self.assertEqual(struct.unpack("<Q", reply.payload)[0], 3)
        self.assertEqual(self.client.region_read(0, regs.REG_MEMORY, 12), bytes([0] * 4 + [1] * 4 + [2] * 4))

    def test_066_malformed_writes_apply_nothing(self):
        good = (0, regs.REG_SCRATCH, b"\xee")
        at = (0, regs.REG_SCRATCH)
        whole = vu.write_multi_payload([good] * 3)
        payloads = [vu.write_multi_payload([good, (*at, b"\xee", 9)]), vu.write_multi_payload([good, (*at, b"", U32)])]
        payloads += [vu.write_multi_payload([good] * 3, wr_cnt=n)
                     for n in (4, 200, 1 << 32, 1 << 61, (1 << 61) + 3, (1 << 64) // 24 + 1, (1 << 64) - 1)]
        payloads += [whole[:n] for n in (*range(0, 8), 9, 31, 33, len(whole) - 24, len(whole) - 1)]
        for payload in payloads:
            with self.subTest(payload=payload[:16].hex(), n=len(payload)):
                self.assertEqual(self.client.refused(vu.REGION_WRITE_MULTI, payload), errno.EINVAL)
                self.client.send(vu.REGION_WRITE_MULTI, payload, flags=vu.FLAG_NO_REPLY)
                self.assertEqual(self.client.reg(regs.REG_SCRATCH), 0)

    def test_066_first_entry_out_of_range_applies_nothing(self):
        for bad in ((0, regs.BAR0_SIZE, b"\1"), (0, (1 << 64) - 1, bytes(8)), (len(SIZES), 0, b"\1"), (U32, 0, b"\1")):
            reply = self.client.request(vu.REGION_WRITE_MULTI, vu.write_multi_payload(
                [bad, (0, regs.REG_SCRATCH, b"\xee")]))
            self.assertTrue(reply.is_error or reply.payload == bytes(8), reply)
            self.assertEqual(self.client.reg(regs.REG_SCRATCH), 0)


class NoWriteMulti(DeviceTestCase):
    def test_065_announced_only_by_a_device_that_wants_it(self):
        self.reconnect(capabilities={"write_multiple": True})
        self.assertNotIn("write_multiple", {k for k, v in self.client.capabilities.items() if v})

    def test_066_not_agreed_is_refused_or_served_whole(self):
        # QEMU 10.1 sends it unasked: "implement 15 or expect it to be lost".
        reply = self.client.request(vu.REGION_WRITE_MULTI, vu.write_multi_payload([(0, regs.REG_SCRATCH, b"\x11")]))
        self.assertEqual(self.client.reg(regs.REG_SCRATCH), 0 if reply.is_error else 0x11)


if __name__ == "__main__":
    unittest.main()
