# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: device features (rules 86 to 88), on outrigger-test-device, which has some."""
import errno
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
from fixture import DeviceTestCase

GET = vu.FEATURE_GET
SET = vu.FEATURE_SET
PROBE = vu.FEATURE_PROBE

# What each can do, and the data of a request.
OPERATIONS = {vu.FEATURE_MIGRATION: GET, vu.FEATURE_MIG_STATE: GET | SET, vu.FEATURE_LOGGING_START: SET,
              vu.FEATURE_LOGGING_REPORT: GET, vu.FEATURE_LOGGING_STOP: SET}
GET_NEEDS = {vu.FEATURE_MIGRATION: (b"", 8), vu.FEATURE_MIG_STATE: (b"", 8),
             vu.FEATURE_LOGGING_REPORT: (struct.pack("<QQQ", 0, 4096, 4096), 32)}
SET_NEEDS = {vu.FEATURE_MIG_STATE: struct.pack("<II", vu.STATE_STOP, 0),
             vu.FEATURE_LOGGING_START: struct.pack("<QII", 4096, 0, 0)}


class Features(DeviceTestCase):
    def probe(self, flags, data=b"", argsz=None):
        return self.client.request(vu.DEVICE_FEATURE, vu.feature_payload(PROBE | flags, data, argsz))

    def refused(self, flags, data=b"", argsz=None):
        return self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(flags, data, argsz))

    def test_086_probe_succeeds_only_if_all_is_supported(self):
        for index in (*range(20), 255, 0xffff):
            for operations in (GET, SET, GET | SET):
                has = OPERATIONS.get(index, 0)
                with self.subTest(index=index, operations=operations >> 16):
                    reply = self.probe(operations | index)
                    self.assertEqual(reply.is_error, bool(operations & ~has), reply)
                    if not reply.is_error:
                        self.assertEqual(reply.payload, vu.feature_payload(PROBE | operations | index))
                    else:
                        self.assertEqual(reply.error, errno.EINVAL)

    def test_086_probe_alone_asks_for_the_feature(self):
        for index in (*range(20), 255, 0xffff):
            reply = self.probe(index)
            if reply.is_error:
                self.assertNotIn(index, OPERATIONS)
            else:
                self.assertIn(index, OPERATIONS)
                self.assertEqual(reply.payload, vu.feature_payload(PROBE | index))

    def test_086_reply_is_the_request_with_its_data(self):
        for data in (b"", b"\1", bytes(8), os.urandom(16)):
            reply = self.probe(SET | vu.FEATURE_MIG_STATE, data)
            self.assertEqual(reply.payload, vu.feature_payload(PROBE | SET | vu.FEATURE_MIG_STATE, data))

    def test_086_probe_of_set_changes_nothing(self):
        self.probe(SET | vu.FEATURE_MIG_STATE, SET_NEEDS[vu.FEATURE_MIG_STATE])
        self.assertEqual(self.client.migration_state(), vu.STATE_RUNNING)
        self.probe(SET | vu.FEATURE_LOGGING_START, SET_NEEDS[vu.FEATURE_LOGGING_START])
        self.refused(GET | vu.FEATURE_LOGGING_REPORT, GET_NEEDS[vu.FEATURE_LOGGING_REPORT][0], 64)

    def test_086_what_a_probe_says_is_true(self):
        self.client.logging_start()
        for index, operations in OPERATIONS.items():
            if operations & GET:
                data, n = GET_NEEDS[index]
                self.assertEqual(len(self.client.feature_get(index, data)), n)
            if operations & SET:
                self.client.feature_set(index, SET_NEEDS.get(index, b""))

    def test_087_get_and_set_at_once_is_refused(self):
        for index in (*OPERATIONS, 0, 3, 0xffff):
            self.assertEqual(self.refused(GET | SET | index, bytes(64)), errno.EINVAL)
        self.assertEqual(self.client.migration_state(), vu.STATE_RUNNING)

    def test_087_no_operation_is_refused(self):
        for index in (*OPERATIONS, 0, 3, 0xffff):
            self.assertEqual(self.refused(index, bytes(64)), errno.EINVAL)

    def test_087_unsupported_operations_and_features_are_refused(self):
        for index in (*range(20), 255, 0xffff):
            for operation in (GET, SET):
                if not operation & OPERATIONS.get(index, 0):
                    self.assertEqual(self.refused(operation | index, bytes(64)), errno.EINVAL)

    def test_087_unknown_flags_are_refused(self):
        for bit in range(19, 32):
            for operation in (GET, PROBE | GET):
                self.refused(1 << bit | operation | vu.FEATURE_MIG_STATE, b"", 64)
        self.client.round_trip()

    def test_088_argsz_below_what_a_get_needs_is_refused(self):
        self.client.logging_start()
        for index, (data, n) in GET_NEEDS.items():
            for argsz in range(8 + n):
                with self.subTest(index=index, argsz=argsz):
                    self.assertEqual(self.refused(GET | index, data, argsz), errno.EINVAL)
            self.client.ok(vu.DEVICE_FEATURE, vu.feature_payload(GET | index, data, 8 + n))

    def test_088_short_data_or_argsz_of_a_set_is_refused(self):
        for index, data in SET_NEEDS.items():
            for n in range(len(data)):
                with self.subTest(index=index, n=n):
                    self.assertEqual(self.refused(SET | index, data[:n]), errno.EINVAL)
                    self.assertEqual(self.refused(SET | index, data, 8 + n), errno.EINVAL)
            for n in range(8):
                self.refused(SET | index, data, n)
        self.assertEqual(self.client.migration_state(), vu.STATE_RUNNING)
        self.refused(GET | vu.FEATURE_LOGGING_REPORT, GET_NEEDS[vu.FEATURE_LOGGING_REPORT][0], 64)

    def test_088_short_argsz_of_a_probe_is_refused(self):
        for index in OPERATIONS:
            for n in range(8):
                self.assertTrue(self.probe(GET | index, b"", n).is_error)
            self.assertTrue(self.probe(SET | index, bytes(16), 8 + 15).is_error)

    def test_088_payload_cut_at_every_byte_is_refused(self):
        for flags, data in ((GET | vu.FEATURE_MIG_STATE, b""),
                            (SET | vu.FEATURE_MIG_STATE, SET_NEEDS[vu.FEATURE_MIG_STATE]),
                            (PROBE | vu.FEATURE_MIGRATION, b"")):
            whole = vu.feature_payload(flags, data, 64)
            for n in range(8 if not flags & SET else len(whole)):
                self.client.refused(vu.DEVICE_FEATURE, whole[:n])

    def test_088_padding_up_to_argsz_is_accepted(self):
        # QEMU sends requests padded to argsz.
        payload = self.client.ok(vu.DEVICE_FEATURE, vu.feature_payload(GET | vu.FEATURE_MIG_STATE, bytes(8)))
        self.assertEqual(struct.unpack_from("<III", payload), (16, GET | vu.FEATURE_MIG_STATE, vu.STATE_RUNNING))
        payload = self.client.ok(vu.DEVICE_FEATURE, vu.feature_payload(GET | vu.FEATURE_MIGRATION, bytes(8)))
        self.assertEqual(len(payload), 16)


if __name__ == "__main__":
    unittest.main()
