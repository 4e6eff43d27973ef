# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: version negotiation (checklist rules 16 to 29).

Left out:
  26  twin socket granted: test_full_twin.py, with a device that has commands of its own to send.
  29  max_data_xfer_size of the client: concerns DMA_READ and DMA_WRITE, so test_full_dma.py.
  write_multiple need not be granted (QEMU 10.1 would queue every send); WRITE_MULTI works without: see test_065.
"""
import json
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
from fixture import ServedTestCase

KNOWN = {"max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes", "twin_socket", "write_multiple",
         "sparse_mmap_fds", "migration"}


class Version(ServedTestCase):
    def fresh(self):
        """A connection without a handshake; the client before it is gone for the server, too."""
        self.wait_fds_back()
        return vu.Client(self.path(), handshake=False)

    def assert_version_refused(self, payload, fds=(), **fields):
        """An error reply, the end of the connection, or both; in any case no session."""
        with self.fresh() as client:
            try:
                client.send(vu.VERSION, payload, fds, **fields)
                reply = client.receive()
                self.assertTrue(reply.is_error, reply)
                self.assertEqual((reply.flags, reply.size), (0x21, 16))
                self.assertGreater(reply.error, 0)
                client.send(vu.DEVICE_GET_INFO, vu.get_info_payload(), msg_id=2)
                self.assertTrue(client.receive_reply(vu.DEVICE_GET_INFO, 2).is_error,
                                "served without an agreed version")
            except vu.PeerClosed:
                pass

    def assert_version_accepted(self, payload, major=0, minor=0):
        with self.fresh() as client:
            reply = client.ok(vu.VERSION, payload)
            self.assertEqual(struct.unpack_from("<H", reply)[0], major)
            self.assertLessEqual(struct.unpack_from("<H", reply, 2)[0], minor)
            client.round_trip()
            return json.loads(reply[4:-1] or "{}").get("capabilities", {})

    def assert_defined(self, payload):
        """Either of the two."""
        with self.fresh() as client:
            try:
                client.send(vu.VERSION, payload, msg_id=1)
                if not client.receive_reply(vu.VERSION, 1).is_error:
                    client.round_trip()
            except vu.PeerClosed:
                pass

    def test_017_version_0_0_without_json(self):
        capabilities = self.assert_version_accepted(struct.pack("<HH", 0, 0))
        self.assertIn("max_msg_fds", capabilities, "QEMU 10.1 misreads a reply without it")

    def test_018_empty_objects(self):
        for text in (b"{}\0", b'{"capabilities":{}}\0', b' {\n"capabilities" :\t{ } } \0'):
            with self.subTest(text=text):
                self.assert_version_accepted(vu.version_payload(text=text))

    def test_019_minor_higher_than_ours_gets_our_minor(self):
        minors = set()
        for minor in (0x7fff, 0xffff):
            with self.fresh() as client:
                client.handshake({}, minor=minor)
                minors.add(client.minor)
                client.round_trip()
        self.assertEqual(len(minors), 1)
        self.assertLess(minors.pop(), 0x7fff)

    def test_019_every_minor_below_ours_is_spoken(self):
        with self.fresh() as client:
            client.handshake({}, minor=0xffff)
            ours = client.minor
        for minor in range(ours + 1):
            with self.fresh() as client:
                client.handshake({}, minor=minor)
                self.assertEqual(client.minor, minor)

    def test_020_other_majors_are_refused(self):
        for major in (1, 2, 0x100, 0xffff):
            with self.subTest(major=major):
                self.assert_version_refused(vu.version_payload({}, major=major))

    def test_021_payload_shorter_than_the_two_numbers_is_refused(self):
        for n in range(4):
            with self.subTest(len=n):
                self.assert_version_refused(bytes(n))

    def test_021_json_without_nul_is_refused(self):
        for text in (b"{}", b'{"capabilities":{}}', b"{", b"x"):
            with self.subTest(text=text):
                self.assert_version_refused(vu.version_payload(text=text))

    def test_021_json_cut_at_every_byte_is_refused(self):
        whole = json.dumps({"capabilities": {"max_msg_fds": 8, "twin_socket": {"supported": True}}}).encode()
        for n in range(1, len(whole)):
            with self.subTest(len=n):
                self.assert_version_refused(vu.version_payload(text=whole[:n] + b"\0"))

    def test_021_what_is_not_json_is_refused(self):
        for text in (b"{]\0", b"{\"capabilities\":}\0", b"\xff\xfe\xfd\0", b"capabilities\0", b"{'a':1}\0",
                     b'{"capabilities":{"max_msg_fds":}}\0', b'{"capabilities":{"max_msg_fds":8}\0'):
            with self.subTest(text=text):
                self.assert_version_refused(vu.version_payload(text=text))

    def test_021_invalid_utf8_is_defined(self):
        for text in (b'{"\xff\xfe":1}\0', b'{"x":"\xc0\x80"}\0', b'{"x":"\xed\xa0\x80"}\0'):
            with self.subTest(text=text):
                self.assert_defined(vu.version_payload(text=text))

    def test_021_empty_text_is_defined(self):
        self.assert_defined(vu.version_payload(text=b"\0"))

    def test_021_nul_in_the_middle_is_defined(self):
        self.assert_defined(vu.version_payload(text=b'{}\0{"capabilities":{}}\0'))
        self.assert_defined(vu.version_payload(text=b"\0\0\0\0"))

    def test_021_deep_nesting_does_no_harm(self):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            for depth in (100, 10000, 100000):
                with self.subTest(opening=opening, depth=depth):
                    self.assert_defined(vu.version_payload(
                        text=opening * depth + b"1" + closing * depth + b"\0"))
                    self.assert_defined(vu.version_payload(text=opening * depth + b"\0"))

    def test_021_a_mebibyte_of_json_does_no_harm(self):
        spaces = b"{" + b" " * ((1 << 20) - 16) + b"}\0"
        one_string = b'{"x":"' + b"y" * ((1 << 20) - 16) + b'"}\0'
        many_keys = b'{"capabilities":{' + b",".join(b'"k%d":%d' % (i, i) for i in range(50000)) + b"}}\0"
        for text in (spaces, one_string, many_keys):
            with self.fresh() as client:
                try:
                    client.send(vu.VERSION, vu.version_payload(text=text), msg_id=1)
                    client.receive_reply(vu.VERSION, 1)
                except vu.PeerClosed:
                    pass

    def test_021_top_level_that_is_no_object_is_defined(self):
        for text in (b"[]\0", b"1\0", b'"x"\0', b"null\0", b"true\0"):
            with self.subTest(text=text):
                self.assert_defined(vu.version_payload(text=text))

    def test_022_capabilities_of_the_wrong_type_are_refused(self):
        for text in (b'{"capabilities":[]}\0', b'{"capabilities":1}\0', b'{"capabilities":"x"}\0'):
            with self.subTest(text=text):
                self.assert_version_refused(vu.version_payload(text=text))

    def test_022_known_numbers_of_the_wrong_type_are_refused(self):
        for key in ("max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes"):
            for value in ('"8"', "true", "null", "[]", "{}", "1.5", "8.0", "1e3"):
                with self.subTest(key=key, value=value):
                    self.assert_version_refused(vu.version_payload(
                        text=f'{{"capabilities":{{"{key}":{value}}}}}\0'.encode()))

    def test_022_known_numbers_out_of_range_are_refused(self):
        for key in ("max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes"):
            for value in (-1, -(1 << 31), -(1 << 63), 1 << 63, 1 << 64, 1 << 200):
                with self.subTest(key=key, value=value):
                    self.assert_version_refused(vu.version_payload({key: value}))

    def test_022_known_flags_of_the_wrong_type_are_refused(self):
        for capability in ('"write_multiple":1', '"write_multiple":"true"', '"write_multiple":{}',
                           '"twin_socket":true', '"twin_socket":1', '"twin_socket":[]',
                           '"twin_socket":{"supported":1}', '"twin_socket":{"supported":"yes"}'):
            with self.subTest(capability=capability):
                self.assert_version_refused(vu.version_payload(
                    text=f'{{"capabilities":{{{capability}}}}}\0'.encode()))

    def test_022_limits_of_zero_are_defined(self):
        for key in ("max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes"):
            with self.subTest(key=key):
                self.assert_defined(vu.version_payload({key: 0}))

    def test_023_unknown_keys_are_ignored_at_every_level(self):
        for text in (b'{"capabilities":{"no_such_thing":{"a":[1,2,{}]},"max_msg_fds":8}}\0',
                     b'{"vendor":"x","capabilities":{}}\0', b'{"capabilities":{"":null}}\0',
                     b'{"capabilities":{"twin_socket":{"supported":false,"colour":"red"}}}\0'):
            with self.subTest(text=text):
                self.assert_version_accepted(vu.version_payload(text=text))

    def test_023_duplicate_keys_are_defined(self):
        self.assert_defined(vu.version_payload(text=b'{"capabilities":{"max_msg_fds":1,"max_msg_fds":8}}\0'))

    def test_024_second_version_is_refused_and_the_session_lives(self):
        client = self.connect()
        for payload in (vu.version_payload({}), vu.version_payload({}, major=3), bytes(4), b"", b"\1"):
            with self.subTest(payload=payload):
                client.refused(vu.VERSION, payload)
                client.round_trip()

    def test_025_fds_with_version_are_closed(self):
        marked = self.memfd(4096, "stray")
        for n in (1, 2, 16):
            with self.subTest(fds=n):
                with self.fresh() as client:
                    client.send(vu.VERSION, vu.version_payload({}), [marked] * n, msg_id=1)
                    try:
                        client.receive_reply(vu.VERSION, 1)
                    except vu.PeerClosed:
                        pass
                    vu.wait_until(lambda: not self.server.holds("memfd:stray"), "the fds closed")

    def test_027_twin_socket_is_never_sent_unasked(self):
        for capabilities in ({}, {"twin_socket": {}}, {"twin_socket": {"supported": False}},
                             {"twin_socket": {"supported": True}, "max_msg_fds": 0}, vu.QEMU_CAPABILITIES):
            with self.subTest(capabilities=capabilities):
                with self.fresh() as client:
                    reply = client.request(vu.VERSION, vu.version_payload(capabilities))
                    self.assertFalse(reply.is_error)
                    self.assertEqual(reply.fds, [])
                    twin = json.loads(reply.payload[4:-1])["capabilities"].get("twin_socket", {})
                    self.assertFalse(twin.get("supported", False))

    def test_027_twin_socket_that_is_declined_leaves_one_good_socket(self):
        with self.fresh() as client:
            reply = client.request(vu.VERSION, vu.version_payload(
                {"twin_socket": {"supported": True}, "max_msg_fds": 8}))
            twin = json.loads(reply.payload[4:-1])["capabilities"].get("twin_socket", {})
            if twin.get("supported", False):
                self.skipTest("the server grants a twin socket: rule 26 is due")
            self.assertEqual(reply.fds, [])
            client.round_trip()

    def test_028_reply_to_qemu_fits_the_buffer_of_its_own_proposal(self):
        payload = vu.version_payload(vu.QEMU_CAPABILITIES)
        with self.fresh() as client:
            reply = client.ok(vu.VERSION, payload)
            self.assertLessEqual(len(reply), len(payload))
            self.assertLess(len(reply) - 4, 190)
            capabilities = json.loads(reply[4:-1])["capabilities"]
            self.assertTrue(1 <= capabilities["max_msg_fds"] <= 16, capabilities)

    def test_028_reply_passes_the_checks_of_qemu(self):
        with self.fresh() as client:
            capabilities = client.handshake(vu.QEMU_CAPABILITIES)
            self.assertLessEqual(set(capabilities), KNOWN)
            for key in ("max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes"):
                if key in capabilities:
                    self.assertIs(type(capabilities[key]), int, key)
            self.assertLessEqual(client.max_data_xfer_size, 64 << 20)
            self.assertLessEqual(client.max_dma_maps, 65535)
            self.assertEqual(capabilities.get("pgsizes", 4096) & 4095, 0)
            self.assertNotEqual(capabilities.get("pgsizes", 4096), 0)
            self.assertIs(type(capabilities.get("write_multiple", False)), bool)

    def test_028_reply_grants_only_what_was_proposed(self):
        for capabilities in ({}, {"write_multiple": False}, {"max_msg_fds": 1}):
            with self.fresh() as client:
                got = client.handshake(capabilities)
                self.assertFalse(got.get("write_multiple", False))
                self.assertNotIn("sparse_mmap_fds", got)
                self.assertNotIn("migration", got)

    def test_029_max_msg_fds_of_the_client_is_obeyed(self):
        for limit in (0, 1):
            with self.fresh() as client:
                client.handshake({"max_msg_fds": limit})
                for index in range(client.get_info()[1]):
                    info = client.region_info(index)
                    self.assertLessEqual(len(info["fds"]), limit)
                    if limit == 0:
                        self.assertFalse(info["flags"] & vu.REGION_FLAG_MMAP,
                                         "a region that cannot be mapped claims that it can")


if __name__ == "__main__":
    unittest.main()
