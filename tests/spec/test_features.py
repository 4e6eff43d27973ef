# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: device features (checklist rules 86 to 88) of a device that cannot be migrated, as the NIC.

Left out:
  89 to 100  migration and the log of dirty pages: test_full_migration.py, test_full_dirty.py. Here their commands
             must be refused politely.
"""
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
from fixture import ServedTestCase

GET = vu.FEATURE_GET
SET = vu.FEATURE_SET
PROBE = vu.FEATURE_PROBE
INDEXES = (*range(17), 255, 0x7fff, 0xffff)


class Features(ServedTestCase):
    def setUp(self):
        super().setUp()
        self.client = self.connect()

    def tearDown(self):
        self.client.round_trip()

    def test_086_probe_succeeds_with_an_echo_or_is_refused(self):
        for index in INDEXES:
            for operations in (0, GET, SET, GET | SET):
                payload = vu.feature_payload(PROBE | operations | index)
                with self.subTest(index=index, operations=operations):
                    reply = self.client.request(vu.DEVICE_FEATURE, payload)
                    if not reply.is_error:
                        self.assertEqual(reply.payload, payload)

    def test_087_unknown_index_is_refused(self):
        for index in (0, 50, 255, 0x7fff, 0xffff):
            for operation in (GET, SET, PROBE | GET, PROBE | SET):
                self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(operation | index, bytes(64)))

    def test_087_get_and_set_without_probe_is_refused(self):
        for index in INDEXES:
            self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(GET | SET | index, bytes(16)))

    def test_087_no_operation_is_refused(self):
        for index in INDEXES:
            self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(index, bytes(16)))

    def test_087_unknown_flag_bits_are_refused(self):
        for bit in range(19, 32):
            self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(1 << bit | 0xffff, bytes(16)))

    def test_088_payload_or_argsz_too_short_is_refused(self):
        for operation in (GET, SET, PROBE):
            whole = vu.feature_payload(operation | 2, struct.pack("<II", 2, 0))
            for n in range(8):
                self.client.refused(vu.DEVICE_FEATURE, whole[:n])
                self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(operation | 2, bytes(8), argsz=n))

    def test_088_absurd_argsz_does_no_harm(self):
        for operation in (GET, SET, PROBE):
            for argsz in (1 << 20, 1 << 31, 0xffffffff):
                self.client.request(vu.DEVICE_FEATURE, vu.feature_payload(operation | 0xffff, b"", argsz))

    def test_migration_features_are_refused_while_there_is_no_migration(self):
        for index, operation, data in ((1, GET, b""), (2, GET, b""), (2, SET, struct.pack("<II", 1, 0)),
                                       (2, SET, struct.pack("<II", 3, 0)),
                                       (7, SET, b""),  # the log of dirty pages is there, but not started
                                       (8, GET, struct.pack("<QQQ", 0, 1 << 20, 4096)),
                                       (8, GET, struct.pack("<QQQ", 0, 1 << 62, 4096))):
            with self.subTest(index=index, operation=operation):
                self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(operation | index, data, argsz=4096))

    def test_095_migration_data_is_refused_while_there_is_no_migration(self):
        for argsz, size, data in ((8 + 64, 64, b""), (8, 0, b""), (8 + 64, 64, bytes(64)),
                                  (0xffffffff, 0xfffffff7, b""), (8, 1 << 20, b"")):
            payload = struct.pack("<II", argsz, size) + data
            self.client.refused(vu.MIG_DATA_READ, payload)
            self.client.refused(vu.MIG_DATA_WRITE, payload)
        for n in range(8):
            self.client.refused(vu.MIG_DATA_READ, bytes(n))
            self.client.refused(vu.MIG_DATA_WRITE, bytes(n))


if __name__ == "__main__":
    unittest.main()
