# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: migration (rules 89 to 97), on outrigger-test-device, which can be saved and restored."""
import errno
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_device_regs as regs
import vfio_user_client as vu
from fixture import Device, DeviceTestCase

ERROR, STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY = (
    vu.STATE_ERROR, vu.STATE_STOP, vu.STATE_RUNNING, vu.STATE_STOP_COPY, vu.STATE_RESUMING, vu.STATE_PRE_COPY)
STATES = (STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY)
U32 = 0xffffffff
MIB = 1 << 20
MEMORIES = {1: regs.BAR1_SIZE, 2: regs.BAR2_SIZE, 3: regs.BAR3_SIZE, regs.EXTRA_REGION: regs.EXTRA_SIZE}
WAYS_TO = {STOP: (STOP,), RUNNING: (), STOP_COPY: (STOP, STOP_COPY), RESUMING: (STOP, RESUMING),
           PRE_COPY: (PRE_COPY,)}  # from RUNNING, by arcs


class MigrationTestCase(DeviceTestCase):
    def state_refused(self, state):
        return self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", state, 0)))

    def start_in(self, state):
        """As after power-on, then along single arcs."""
        self.client.reset()
        for step in WAYS_TO[state]:
            self.client.set_migration_state(step)
        self.assertEqual(self.client.migration_state(), state)

    def fill(self, client, seed):
        """Something in all that is saved."""
        for region, size in MEMORIES.items():
            client.region_write(region, 0, (bytes([seed + region]) + b"page") * 100)
            client.region_write(region, size - 7, b"the end")
        client.region_write(4, 100, os.urandom(64))  # BAR5 reads it
        client.region_write(0, regs.REG_MEMORY, os.urandom(64))
        client.set(regs.REG_SCRATCH, 0x0123456789abcdef + seed, 8)

    def contents(self, client):
        state = {region: client.region_read(region, 0, size) for region, size in MEMORIES.items()}
        state[5] = client.region_read(5, 0, regs.BAR5_SIZE)
        state["registers"] = client.region_read(0, regs.REG_MEMORY, regs.REG_MEMORY_END - regs.REG_MEMORY)
        state["scratch"] = client.reg(regs.REG_SCRATCH, 8)
        return state

    def read_all(self, client, size=MIB):
        """The stream to its end. Every piece is at most as long as asked for."""
        parts = []
        while True:
            part = client.migration_read(size)
            if not part:
                return b"".join(parts)
            parts.append(part)

    def saved(self):
        self.fill(self.client, 1)
        self.start_saving()
        return self.read_all(self.client)

    def start_saving(self):
        self.client.set_migration_state(STOP_COPY)


class States(MigrationTestCase):
    def test_089_migration_has_stop_copy(self):
        data = self.client.feature_get(vu.FEATURE_MIGRATION)
        self.assertEqual(len(data), 8)  # argsz is 16 then: feature_get() compares
        self.assertEqual(struct.unpack("<Q", data)[0], vu.MIGRATION_STOP_COPY | vu.MIGRATION_PRE_COPY)

    def test_089_argsz_has_to_have_room(self):
        for argsz in (8, 12, 15):
            self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(
                vu.FEATURE_GET | vu.FEATURE_MIGRATION, b"", argsz))
        for argsz in (16, 17, U32):
            payload = self.client.ok(vu.DEVICE_FEATURE, vu.feature_payload(
                vu.FEATURE_GET | vu.FEATURE_MIGRATION, b"", argsz))
            self.assertEqual(struct.unpack_from("<I", payload)[0], 16)

    def test_090_running_at_start(self):
        self.assertEqual(self.client.migration_state(), RUNNING)

    def test_090_state_outlives_the_client(self):
        self.client.set_migration_state(STOP)
        self.reconnect()
        self.assertEqual(self.client.migration_state(), STOP)

    def test_090_every_cell_of_the_table(self):
        for start in STATES:
            for target in STATES:
                with self.subTest(start=start, target=target):
                    self.start_in(start)
                    if (start, target) == (RESUMING, RESUMING):
                        self.client.set_migration_state(target)
                    elif start == RESUMING:
                        # Nothing was loaded, which RESUMING->STOP refuses.
                        self.assertEqual(self.state_refused(target), errno.EINVAL)
                        self.assertIn(self.client.migration_state(), (RESUMING, ERROR))
                        continue
                    elif (start, target) == (STOP_COPY, PRE_COPY):
                        self.assertEqual(self.state_refused(target), errno.EINVAL)
                        target = start
                    else:
                        self.client.set_migration_state(target)
                    self.assertEqual(self.client.migration_state(), target)

    def test_090_path_leads_over_the_listed_stops(self):
        # A transition that fails leaves the device where it was: so each stop shows.
        for start, target, stops in ((RUNNING, STOP_COPY, (STOP,)), (RUNNING, RESUMING, (STOP,)),
                                     (STOP, PRE_COPY, (RUNNING,)), (STOP_COPY, RUNNING, (STOP,)),
                                     (STOP_COPY, RESUMING, (STOP,)), (PRE_COPY, STOP, (RUNNING,)),
                                     (PRE_COPY, RESUMING, (RUNNING, STOP))):
            with self.subTest(start=start, target=target):
                self.start_in(start)
                for stop in stops:
                    # The first arc is answered late; meanwhile the second is told to fail.
                    self.client.defer(regs.KIND_TRANSITION)
                    msg_id = self.client.send(vu.DEVICE_FEATURE, vu.feature_payload(
                        vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", target, 0)))
                    self.client.until_reg(regs.REG_RELEASE, 1, "the transition waits")
                    self.client.defer(0)
                    self.client.fail(regs.KIND_TRANSITION, errno.EBUSY)
                    self.client.release(1)
                    reply = self.client.receive_reply(vu.DEVICE_FEATURE, msg_id)
                    self.assertEqual(reply.error, errno.EBUSY)
                    self.assertEqual(self.client.migration_state(), stop)
                self.client.set_migration_state(target)

    def test_090_stop_copy_to_resuming_to_stop_over_a_whole_stream(self):
        stream = self.saved()
        self.client.set_migration_state(RESUMING)
        self.client.migration_write(stream)
        for target in (STOP, RUNNING, STOP_COPY, PRE_COPY):
            with self.subTest(target=target):
                self.start_in(RESUMING)
                self.client.migration_write(stream)
                self.client.set_migration_state(target)
                self.assertEqual(self.client.migration_state(), target)

    def test_091_targets_that_are_no_states_are_refused(self):
        for start in STATES:
            self.start_in(start)
            for target in (ERROR, 5, 7, 8, 255, 1 << 31, U32):
                with self.subTest(start=start, target=target):
                    self.assertEqual(self.state_refused(target), errno.EINVAL)
                    self.assertEqual(self.client.migration_state(), start)

    def test_091_stop_copy_to_pre_copy_is_refused(self):
        self.start_in(STOP_COPY)
        self.assertEqual(self.state_refused(PRE_COPY), errno.EINVAL)
        self.assertEqual(self.client.migration_state(), STOP_COPY)
        self.assertTrue(self.client.migration_read(64), "the session goes on")

    def test_091_data_fd_of_the_request_is_ignored(self):
        for data_fd in (0, 5, U32):
            self.client.ok(vu.DEVICE_FEATURE, vu.feature_payload(
                vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", STOP, data_fd)))

    def test_092_same_state_is_success_and_nothing_happens(self):
        for state in STATES:
            self.start_in(state)
            quiesces = self.client.reg(regs.REG_QUIESCES)
            self.client.fail(regs.KIND_TRANSITION, errno.EIO)  # would fail if the device were asked
            self.client.set_migration_state(state)
            self.assertEqual(self.client.reg(regs.REG_FAIL_KINDS), regs.KIND_TRANSITION)
            self.assertEqual(self.client.reg(regs.REG_QUIESCES), quiesces)

    def test_092_same_state_does_not_begin_the_session_anew(self):
        self.fill(self.client, 1)
        self.start_saving()
        first = self.client.migration_read(1000)
        self.client.set_migration_state(STOP_COPY)
        whole = first + self.read_all(self.client)
        self.client.set_migration_state(STOP)
        self.client.set_migration_state(STOP_COPY)
        self.assertEqual(self.read_all(self.client), whole)

    def test_097_error_state_is_left_by_a_reset_only(self):
        # A device says ENOTRECOVERABLE when it does not know its own state any more.
        self.client.fail(regs.KIND_TRANSITION, errno.ENOTRECOVERABLE)
        self.assertEqual(self.state_refused(STOP), errno.ENOTRECOVERABLE)
        self.assertEqual(self.client.migration_state(), ERROR)
        for target in (*STATES, ERROR, 5, 7, 8):
            self.state_refused(target)
            self.assertEqual(self.client.migration_state(), ERROR)
        for command in (vu.MIG_DATA_READ, vu.MIG_DATA_WRITE):
            self.assertEqual(self.client.refused(command, struct.pack("<II", 12, 4) + bytes(4)), errno.EINVAL)
        self.reconnect()
        self.assertEqual(self.client.migration_state(), ERROR)
        self.client.reset()
        self.assertEqual(self.client.migration_state(), RUNNING)
        self.client.set_migration_state(STOP)

    def test_097_failed_transition_is_not_the_error_state(self):
        for error in (errno.EIO, errno.EBUSY, errno.ENOMEM):
            self.client.fail(regs.KIND_TRANSITION, error)
            self.assertEqual(self.state_refused(STOP), error)
            self.assertEqual(self.client.migration_state(), RUNNING)


class Stream(MigrationTestCase):
    def setUp(self):
        super().setUp()
        # Another device, to load into.
        self.other_server = Device(self.directory, name="other")
        self.addCleanup(self.other_server.stop)
        self.other = self.client_of(self.other_server.paths[0])

    def load(self, stream, chunks):
        """Into the other device; chunks: sizes, over and over."""
        self.other.set_migration_state(RESUMING)
        at = i = 0
        while at < len(stream):
            self.other.migration_write(stream[at:at + chunks[i % len(chunks)]])
            at += chunks[i % len(chunks)]
            i += 1

    def test_093_stream_loaded_in_other_chunks_gives_equal_state(self):
        stream = self.saved()
        self.client.set_migration_state(RUNNING)
        for chunks in ((len(stream),), (1,) * 64 + (4096,), (4097, 3), (8,), (65536,)):
            if chunks == (8,):
                chunks = (8,) * 512 + (1 << 16,)
            with self.subTest(chunks=chunks[:3]):
                self.other.reset()
                self.fill(self.other, 9)  # which must be gone after
                self.load(stream, chunks)
                self.other.set_migration_state(RUNNING)
                self.assertEqual(self.contents(self.other), self.contents(self.client))

    def test_093_stream_read_in_any_pieces_is_the_same(self):
        whole = self.saved()
        for size in (MIB, 4096, 4097, 1000):
            self.client.set_migration_state(STOP)
            self.client.set_migration_state(STOP_COPY)
            self.assertEqual(self.read_all(self.client, size), whole)

    def test_093_pre_copy_and_what_changed_since(self):
        self.fill(self.client, 3)
        self.client.set_migration_state(PRE_COPY)
        stream = self.read_all(self.client)
        self.client.region_write(1, 12345, b"while it is running")
        self.client.set(regs.REG_SCRATCH, 77)
        stream += self.read_all(self.client)
        self.client.region_write(2, 5, b"and once more")
        self.client.set_migration_state(STOP_COPY)
        stream += self.read_all(self.client)
        self.load(stream, (10000,))
        self.other.set_migration_state(STOP)
        self.assertEqual(self.contents(self.other), self.contents(self.client))

    def test_093_restored_device_can_be_saved_again(self):
        stream = self.saved()
        self.load(stream, (50000,))
        self.other.set_migration_state(STOP_COPY)
        self.assertEqual(self.read_all(self.other), stream)

    def test_093_source_goes_on_after_a_migration_that_was_called_off(self):
        self.fill(self.client, 4)
        before = self.contents(self.client)
        self.client.set_migration_state(STOP_COPY)
        self.client.migration_read(5000)
        self.client.set_migration_state(RUNNING)
        self.assertEqual(self.contents(self.client), before)
        whole = self.saved()
        self.assertGreater(len(whole), 5000)

    def test_093_client_is_gone_in_the_middle_and_the_next_one_goes_on(self):
        whole = self.saved()
        self.client.set_migration_state(STOP)
        self.client.set_migration_state(STOP_COPY)
        first = self.client.migration_read(7777)
        self.reconnect()
        self.assertEqual(self.client.migration_state(), STOP_COPY)
        self.assertEqual(first + self.read_all(self.client), whole)

    def test_093_stream_whose_middle_is_split_by_a_new_client(self):
        stream = self.saved()
        half = len(stream) // 2 + 3
        self.load(stream[:half], (half,))
        self.other.close()
        self.other = self.client_of(self.other_server.paths[0])
        self.other.migration_write(stream[half:])
        self.other.set_migration_state(STOP)
        self.assertEqual(self.contents(self.other), self.contents(self.client))

    def test_094_end_is_told_again_and_again(self):
        self.saved()
        for size in (1, 4096, MIB, 0):
            for _ in range(3):
                self.assertEqual(self.client.migration_read(size), b"")

    def test_094_never_more_than_asked_for(self):
        self.fill(self.client, 1)
        self.start_saving()
        for size in (0, 1, 2, 7, 8, 9, 4095, 4096, 4097, 100000):
            self.assertLessEqual(len(self.client.migration_read(size)), size)  # in migration_read(), too

    def test_094_argsz_larger_than_the_size_changes_nothing(self):
        self.start_saving()
        payload = self.client.ok(vu.MIG_DATA_READ, struct.pack("<II", 65536, 16))
        self.assertEqual(struct.unpack_from("<I", payload, 4)[0], 16)

    def test_094_size_larger_than_the_limit_is_refused(self):
        self.start_saving()
        limit = vu.QEMU_CAPABILITIES["max_data_xfer_size"]
        for size in (limit + 1, 1 << 24, 1 << 31, U32 - 8):
            self.client.refused(vu.MIG_DATA_READ, struct.pack("<II", 8 + size, size))
        self.assertEqual(self.client.migration_state(), STOP_COPY)
        self.assertTrue(self.client.migration_read(limit))

    def test_029_095_limit_is_the_clients(self):
        self.reconnect(capabilities={"max_data_xfer_size": 4096})
        self.start_saving()
        self.assertTrue(self.client.migration_read(4096))
        self.client.refused(vu.MIG_DATA_READ, struct.pack("<II", 8 + 4097, 4097))

    def assert_load_fails(self, stream, chunks):
        """RESUMING->STOP refuses it, the device is as it was, a reset recovers."""
        before = self.contents(self.other)
        self.load(stream, chunks)
        self.assertEqual(self.other.refused(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", STOP, 0))), errno.EINVAL)
        self.assertIn(self.other.migration_state(), (RESUMING, ERROR))
        self.assertEqual(self.contents(self.other), before)
        self.other.reset()
        self.assertEqual(self.other.migration_state(), RUNNING)

    def test_096_truncated_stream_is_refused(self):
        stream = self.saved()
        for cut in (0, 1, 7, 8, 9, 23, 24, 4119, 4120, 4121, len(stream) // 2, len(stream) - 1, len(stream) - 16):
            with self.subTest(cut=cut):
                self.assert_load_fails(stream[:cut], (10007,))

    def test_096_corrupt_stream_is_refused(self):
        stream = self.saved()
        for at in (0, 7, 8, 12, 16, 23, 24, 5000, len(stream) // 2, len(stream) - 1100, len(stream) - 16,
                   len(stream) - 8, len(stream) - 1):
            broken = bytearray(stream)
            broken[at] ^= 0x41
            with self.subTest(at=at):
                self.assert_load_fails(bytes(broken), (len(stream),))

    def test_096_more_than_the_stream_is_refused(self):
        stream = self.saved()
        self.assert_load_fails(stream + b"\0", (len(stream) + 1,))
        self.assert_load_fails(stream + stream, (1 << 16,))
        self.assert_load_fails(stream[8:], (1 << 16,))
        self.assert_load_fails(os.urandom(50000), (1 << 16,))

    def test_096_after_a_bad_stream_a_good_one_is_loaded(self):
        stream = self.saved()
        self.assert_load_fails(stream[:-1], (1 << 16,))
        self.load(stream, (1 << 16,))
        self.other.set_migration_state(RUNNING)
        self.assertEqual(self.contents(self.other), self.contents(self.client))

    def test_096_reset_forgets_what_was_loaded(self):
        stream = self.saved()
        self.load(stream[:20000], (20000,))
        self.other.reset()
        self.load(stream, (1 << 16,))
        self.other.set_migration_state(RUNNING)
        self.assertEqual(self.contents(self.other), self.contents(self.client))


class Malformed(MigrationTestCase):
    def read_refused(self, payload):
        return self.client.refused(vu.MIG_DATA_READ, payload)

    def write_refused(self, payload):
        return self.client.refused(vu.MIG_DATA_WRITE, payload)

    def test_095_data_in_the_wrong_state_is_refused(self):
        for state in STATES:
            self.start_in(state)
            request = struct.pack("<II", 8 + 64, 64)
            if state not in (STOP_COPY, PRE_COPY):
                self.assertEqual(self.read_refused(request), errno.EINVAL)
            if state != RESUMING:
                self.assertEqual(self.write_refused(request + bytes(64)), errno.EINVAL)
            self.assertEqual(self.client.migration_state(), state)

    def test_095_sizes_that_contradict_each_other_are_refused(self):
        self.start_in(STOP_COPY)
        for argsz, size in ((0, 0), (7, 0), (8, 1), (8, 64), (71, 64), (0, U32), (U32, U32), (7, U32 - 7)):
            with self.subTest(argsz=argsz, size=size):
                self.read_refused(struct.pack("<II", argsz, size))
        for n in range(8):
            self.read_refused(struct.pack("<II", 72, 64)[:n])
        self.start_in(RESUMING)
        for argsz, size, sent in ((72, 64, 63), (72, 64, 0), (8, 1, 0), (72, U32, 64), (72, U32 - 7, 64), (7, 0, 0),
                                  (71, 64, 64)):
            with self.subTest(argsz=argsz, size=size, sent=sent):
                self.write_refused(struct.pack("<II", argsz, size) + bytes(sent))
        for n in range(8):
            self.write_refused(struct.pack("<II", 8, 0)[:n])

    def test_095_refused_write_loaded_nothing(self):
        stream = self.saved()
        self.start_in(RESUMING)
        self.write_refused(struct.pack("<II", 8 + 64, 64) + b"\xee" * 63)
        self.client.migration_write(stream)
        self.client.set_migration_state(STOP)

    def test_095_device_that_cannot_read_or_write(self):
        self.start_in(STOP_COPY)
        self.client.fail(regs.KIND_DATA, errno.ENOSPC)
        self.assertEqual(self.read_refused(struct.pack("<II", 72, 64)), errno.ENOSPC)
        self.assertEqual(len(self.client.migration_read(64)), 64)
        self.start_in(RESUMING)
        self.client.fail(regs.KIND_DATA, errno.ENOSPC)
        self.assertEqual(self.write_refused(struct.pack("<II", 72, 64) + bytes(64)), errno.ENOSPC)

    def test_095_fds_are_closed(self):
        marked = self.memfd(4096, "stray")
        self.start_in(STOP_COPY)
        self.client.request(vu.MIG_DATA_READ, struct.pack("<II", 72, 64), [marked])
        self.start_in(RESUMING)
        self.client.request(vu.MIG_DATA_WRITE, struct.pack("<II", 72, 64) + bytes(64), [marked])
        self.client.request(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_GET | vu.FEATURE_MIG_STATE, b"", 16), [marked])
        self.assertFalse(self.server.holds("memfd:stray"))


class Deferred(MigrationTestCase):
    """A transition that takes long: only migration waits for it."""

    def set_state_slowly(self, state):
        self.client.defer(regs.KIND_TRANSITION)
        msg_id = self.client.send(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", state, 0)))
        self.client.until_reg(regs.REG_RELEASE, 1, "the transition waits")
        return msg_id

    def finish(self, msg_id, arcs, error=0):
        """The reply, after so many arcs."""
        for _ in range(arcs):
            self.client.until_reg(regs.REG_RELEASE, 1, "the transition waits")
            self.client.release(1)
        self.assertEqual(self.client.receive_reply(vu.DEVICE_FEATURE, msg_id).error, error)

    def test_090_set_is_answered_when_it_is_done(self):
        msg_id = self.set_state_slowly(STOP_COPY)
        self.client.round_trip()
        self.client.set(regs.REG_SCRATCH, 5)
        self.assertFalse(self.client.has_input())
        self.finish(msg_id, 2)
        self.assertEqual(self.client.migration_state(), STOP_COPY)

    def test_090_other_migration_requests_wait_in_order(self):
        msg_id = self.set_state_slowly(STOP_COPY)
        get = self.client.send(vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_GET | vu.FEATURE_MIG_STATE, b"", 16))
        read = self.client.send(vu.MIG_DATA_READ, struct.pack("<II", 8 + 64, 64))
        for _ in range(5):
            self.client.round_trip()
        self.finish(msg_id, 2)
        self.assertEqual(struct.unpack_from("<I", self.client.receive_reply(vu.DEVICE_FEATURE, get).payload, 8)[0],
                         STOP_COPY)
        self.assertFalse(self.client.receive_reply(vu.MIG_DATA_READ, read).is_error)

    def test_090_transition_that_fails_late(self):
        self.client.defer(regs.KIND_TRANSITION, 0, errno.ENOSPC)
        msg_id = self.client.send(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", STOP, 0)))
        self.finish(msg_id, 1, errno.ENOSPC)
        self.assertEqual(self.client.migration_state(), RUNNING)

    def test_090_client_that_is_gone_meanwhile(self):
        # The path ends with the arc that is being done. Who comes before that is told EBUSY, and tries again.
        self.client.defer(regs.KIND_TRANSITION, 100)
        self.client.send(vu.DEVICE_FEATURE, vu.feature_payload(
            vu.FEATURE_SET | vu.FEATURE_MIG_STATE, struct.pack("<II", STOP_COPY, 0)))
        self.reconnect()
        self.assertIn(self.client.migration_state(), (RUNNING, STOP))
        self.client.reset()
        self.assertEqual(self.client.migration_state(), RUNNING)

    def test_090_device_that_does_not_go_quiet_does_not_move(self):
        self.client.fail(regs.KIND_QUIESCE, errno.EBUSY)
        self.assertEqual(self.state_refused(STOP), errno.EBUSY)
        self.assertEqual(self.client.migration_state(), RUNNING)


    def read(self, size):
        return self.client.send(vu.MIG_DATA_READ, struct.pack("<II", 8 + size, size))

    def test_093_stream_that_comes_late_in_pieces(self):
        self.client.set_local(0, b"state" * 1000)
        self.client.set_migration_state(STOP_COPY)
        stream = self.read_all(self.client)
        self.client.set_migration_state(RUNNING)
        self.client.set_migration_state(STOP_COPY)
        self.client.defer(regs.KIND_DATA, 1)
        self.assertEqual(self.read_all(self.client, 700), stream)
        self.client.set_local(0, bytes(5000))
        self.client.set_migration_state(RESUMING)
        for at in range(0, len(stream), 700):
            self.client.migration_write(stream[at:at + 700])
        self.client.set_migration_state(RUNNING)
        self.assertEqual(self.client.local(0, 5000), b"state" * 1000)

    def test_093_others_go_on_while_data_is_due(self):
        self.start_in(STOP_COPY)
        self.client.defer(regs.KIND_DATA)
        first, second = self.read(64), self.read(64)
        self.client.until_reg(regs.REG_RELEASE, 1, "one read waits")
        for i in range(5):
            self.client.set(regs.REG_SCRATCH, i)
            self.client.round_trip()
        self.assertFalse(self.client.has_input())
        for msg_id in first, second:
            self.client.until_reg(regs.REG_RELEASE, 1, "one read waits")
            self.client.release(1)
            self.assertFalse(self.client.receive_reply(vu.MIG_DATA_READ, msg_id).is_error)

    def test_093_late_errors_of_data(self):
        self.start_in(STOP_COPY)
        self.client.defer(regs.KIND_DATA, 1, errno.ENOSPC)
        self.assertEqual(self.client.receive_reply(vu.MIG_DATA_READ, self.read(64)).error, errno.ENOSPC)
        self.start_in(RESUMING)
        self.client.defer(regs.KIND_DATA, 1, errno.EIO)
        self.assertEqual(self.client.refused(vu.MIG_DATA_WRITE, struct.pack("<II", 72, 64) + bytes(64)), errno.EIO)
        self.assertEqual(self.client.migration_state(), RESUMING)

    def test_093_data_that_makes_no_sense_behind_data_that_is_due(self):
        self.start_in(STOP_COPY)
        self.client.defer(regs.KIND_DATA)
        first = self.read(64)
        wrong = self.client.send(vu.MIG_DATA_WRITE, struct.pack("<II", 72, 64) + bytes(64))
        self.client.until_reg(regs.REG_RELEASE, 1, "one read waits")
        self.client.release(1)
        self.assertFalse(self.client.receive_reply(vu.MIG_DATA_READ, first).is_error)
        self.assertEqual(self.client.receive_reply(vu.MIG_DATA_WRITE, wrong).error, errno.EINVAL)

    def test_101_client_is_gone_while_data_is_due(self):
        self.start_in(STOP_COPY)
        self.client.defer(regs.KIND_DATA, 20)
        for _ in range(3):
            self.read(64)
        self.client.wait_consumed()
        self.reconnect()
        self.assertEqual(self.client.migration_state(), STOP_COPY)
        self.client.defer(0)
        self.client.reset()


class DeferredOnOneThread(Deferred):
    arguments = ("--one-thread",)


class CannotMigrate(DeviceTestCase):
    """A device whose state cannot be saved."""

    arguments = ("--no-migration",)

    def test_089_no_such_feature(self):
        for operation in (vu.FEATURE_GET, vu.FEATURE_SET, vu.FEATURE_PROBE | vu.FEATURE_GET,
                          vu.FEATURE_PROBE | vu.FEATURE_SET):
            for index in (vu.FEATURE_MIGRATION, vu.FEATURE_MIG_STATE):
                self.client.refused(vu.DEVICE_FEATURE, vu.feature_payload(
                    operation | index, struct.pack("<II", STOP, 0), 64))

    def test_095_no_data(self):
        for command in (vu.MIG_DATA_READ, vu.MIG_DATA_WRITE):
            self.assertEqual(self.client.refused(command, struct.pack("<II", 12, 4) + bytes(4)), errno.EINVAL)


if __name__ == "__main__":
    unittest.main()
