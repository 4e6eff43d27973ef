# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: reset (rules 67 and 68), by command, by function, late, refused, and when a client is lost."""
import errno
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_device_regs as regs
import vfio_user_client as vu
import virtio_guest as vg
from fixture import DeviceTestCase

BASE = 1 << 32
PAGE = 4096
CAP_PCIE = 0x10
FUNCTION_RESET = 1 << 15  # in the capability's device control
PCI_COMMAND = 4


class ResetTestCase(DeviceTestCase):
    def device_control(self):
        """Where the register that resets the function is in configuration space."""
        for cap_id, at, _ in vg.walk_capabilities(self.client.region_read(vu.REGION_CONFIG, 0, 256)):
            if cap_id == CAP_PCIE:
                return at + 8
        return self.fail("no PCIe capability")

    def function_reset_payload(self):
        at = self.device_control()
        control = struct.unpack("<H", self.client.region_read(vu.REGION_CONFIG, at, 2))[0]
        return vu.region_write_payload(vu.REGION_CONFIG, at, struct.pack("<H", control | FUNCTION_RESET))

    def dirty_device(self):
        self.client.set(regs.REG_SCRATCH, 67, 8)
        self.client.region_write(1, 0, b"memory")
        self.client.region_write(vu.REGION_CONFIG, PCI_COMMAND, b"\x06")

    def assert_defaults(self):
        self.assertEqual(self.client.reg(regs.REG_SCRATCH, 8), 0)
        self.assertEqual(self.client.local(0, 6), bytes(6))
        self.assertEqual(self.client.region_read(vu.REGION_CONFIG, PCI_COMMAND, 1), b"\0")

    def assert_dirty(self):
        self.assertEqual(self.client.reg(regs.REG_SCRATCH, 8), 67)
        self.assertEqual(self.client.local(0, 6), b"memory")


class Reset(ResetTestCase):
    def test_067_reset_restores_defaults(self):
        self.dirty_device()
        before = self.client.reg(regs.REG_RESETS_COMMAND)
        self.client.reset()
        self.assert_defaults()
        self.assertEqual(self.client.reg(regs.REG_RESETS_COMMAND), before + 1)

    def test_067_maps_stay_usable(self):
        fd = self.memfd(PAGE)
        self.client.dma_map(BASE, PAGE, fd)
        memory = self.client.message_memory(BASE + PAGE, PAGE)
        self.client.reset()
        self.assertEqual(self.client.dma(regs.DMA_FILL | regs.DMA_PIN, BASE, PAGE, pattern=1), 0)
        self.assertEqual(os.pread(fd, 1, 0), b"\1")
        self.assertEqual(self.client.dma(regs.DMA_FILL | regs.DMA_WAIT, BASE + PAGE, PAGE, pattern=2), 0)
        self.assertEqual(memory.bytes[:1], b"\2")
        self.client.refused(vu.DMA_MAP, vu.dma_map_payload(BASE, PAGE))
        self.client.dma_unmap(BASE, PAGE)

    def test_067_irq_eventfds_stay_usable(self):
        events = {index: self.eventfd() for index in (vu.IRQ_INTX, vu.IRQ_MSI, vu.IRQ_MSIX, vu.IRQ_ERR)}
        for index, event in events.items():
            self.client.set_irqs(index, vu.SET_EVENTFD | vu.SET_TRIGGER, 0, 1, fds=[event])
        self.client.reset()
        for index, event in events.items():
            self.client.set(regs.REG_TRIGGER, index << 16)
            self.assertEqual(vu.count_of(event), 1, index)

    def test_067_later_commands_wait_for_a_reset_that_takes_long(self):
        self.dirty_device()
        self.client.defer(regs.KIND_RESET, 100)
        reset = self.client.send(vu.DEVICE_RESET)
        self.client.region_post(0, regs.REG_SCRATCH + 4, b"\5")
        later = [(vu.REGION_READ, vu.region_read_payload(0, regs.REG_SCRATCH, 8)),
                 (vu.DEVICE_GET_INFO, vu.get_info_payload()), (vu.DMA_MAP, vu.dma_map_payload(BASE, PAGE)),
                 (vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSI, vu.SET_NONE | vu.SET_TRIGGER, 0, 1)),
                 (vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_GET | vu.FEATURE_MIG_STATE, b"", 16)),
                 (vu.DEVICE_RESET, b"")]
        ids = [(command, self.client.send(command, payload)) for command, payload in later]
        self.assertFalse(self.client.receive_reply(vu.DEVICE_RESET, reset).is_error)
        replies = [self.client.receive_reply(*each) for each in ids]
        self.assertEqual([reply.is_error for reply in replies], [False] * len(ids))
        self.assertEqual(struct.unpack("<Q", replies[0].payload[16:])[0], 5 << 32, "the posted write came after it")

    def test_067_requests_that_were_deferred_before_a_reset_are_answered(self):
        self.client.defer(regs.KIND_READ)
        ids = [self.client.read_request() for _ in range(5)]
        self.client.until_reg(regs.REG_RELEASE, 5, "they wait")
        reset = self.client.send(vu.DEVICE_RESET)
        replies = [self.client.receive() for _ in range(6)]
        self.assertEqual({reply.id for reply in replies}, {*ids, reset})

    def test_067_reset_that_fails_changes_nothing(self):
        self.dirty_device()
        self.client.set_migration_state(vu.STATE_STOP)
        self.client.fail(regs.KIND_RESET, errno.EBUSY)
        self.assertEqual(self.client.refused(vu.DEVICE_RESET), errno.EBUSY)
        self.assert_dirty()
        self.assertEqual(self.client.migration_state(), vu.STATE_STOP)

    def test_067_reset_that_fails_late(self):
        self.dirty_device()
        self.client.defer(regs.KIND_RESET, 20, errno.ETIMEDOUT)
        self.assertEqual(self.client.refused(vu.DEVICE_RESET), errno.ETIMEDOUT)
        self.assert_dirty()

    def test_067_device_that_does_not_go_quiet_is_not_reset(self):
        self.dirty_device()
        before = self.client.reg(regs.REG_RESETS_COMMAND)
        self.client.fail(regs.KIND_QUIESCE, errno.EBUSY)
        self.assertEqual(self.client.refused(vu.DEVICE_RESET), errno.EBUSY)
        self.assert_dirty()
        self.assertEqual(self.client.reg(regs.REG_RESETS_COMMAND), before)

    def test_067_reset_with_transfers_out(self):
        self.client.message_memory(BASE, PAGE)
        held = self.client.hold_commands()
        self.client.dma_accepted(self.client.dma_start(regs.DMA_READ | regs.DMA_ASYNC, BASE, 64, count=8))
        self.client.wait_held(held, 8)
        reset = self.client.send(vu.DEVICE_RESET)
        self.assertFalse(self.client.receive_reply(vu.DEVICE_RESET, reset).is_error)
        self.client.release_commands(held)
        self.client.until_reg(regs.REG_DMA_IN_FLIGHT, 0, "they end")
        self.assertEqual(self.client.reg(regs.REG_DMA_DONE), 0, "of the time before the reset")

    def test_067_payload_of_a_reset_is_defined(self):
        for n in (1, 16, 4096):
            self.client.request(vu.DEVICE_RESET, bytes(n))
        marked = self.memfd(PAGE, "stray")
        self.client.request(vu.DEVICE_RESET, b"", [marked])
        self.assertFalse(self.server.holds("memfd:stray"))

    def test_067_reset_without_a_reply(self):
        self.dirty_device()
        self.client.send(vu.DEVICE_RESET, flags=vu.FLAG_NO_REPLY)
        self.assert_defaults()

    def test_067_client_that_is_gone_while_the_device_resets(self):
        self.dirty_device()
        self.client.defer(regs.KIND_RESET, 50)
        self.client.send(vu.DEVICE_RESET)
        self.reconnect()
        self.client.until_reg(regs.REG_SCRATCH, 0, "it was reset all the same")

    def test_function_level_reset(self):
        self.dirty_device()
        before = self.client.reg(regs.REG_RESETS_FUNCTION)
        self.client.ok(vu.REGION_WRITE, self.function_reset_payload())
        self.assert_defaults()
        self.assertEqual(self.client.reg(regs.REG_RESETS_FUNCTION), before + 1)

    def test_function_level_reset_that_takes_long(self):
        self.dirty_device()
        payload = self.function_reset_payload()
        self.client.defer(regs.KIND_RESET, 50)
        msg_id = self.client.send(vu.REGION_WRITE, payload)
        self.assertFalse(self.client.receive_reply(vu.REGION_WRITE, msg_id).is_error)
        self.assert_defaults()

    def test_state_is_kept_when_a_client_is_lost(self):
        self.dirty_device()
        self.reconnect()
        self.assert_dirty()


class ResetOnOneThread(Reset):
    arguments = ("--one-thread",)


class NoReset(ResetTestCase):
    arguments = ("--no-reset",)

    def test_068_reset_is_not_announced_and_has_no_effect(self):
        self.assertFalse(self.client.get_info()[0] & vu.DEVICE_FLAG_RESET)
        self.dirty_device()
        for _ in range(3):
            self.client.refused(vu.DEVICE_RESET)
            self.client.send(vu.DEVICE_RESET, flags=vu.FLAG_NO_REPLY)
        self.assert_dirty()
        self.assertEqual(self.client.reg(regs.REG_RESETS_COMMAND), 0)

    def test_068_reset_that_is_not_there_leaves_no_way_out_of_an_error(self):
        self.client.set_migration_state(vu.STATE_STOP)
        self.client.refused(vu.DEVICE_RESET)
        self.assertEqual(self.client.migration_state(), vu.STATE_STOP)
        self.client.set_migration_state(vu.STATE_RUNNING)

    def test_067_function_level_reset_is_another_matter(self):
        self.dirty_device()
        self.client.ok(vu.REGION_WRITE, self.function_reset_payload())
        self.assert_defaults()


class ResetOnLoss(ResetTestCase):
    arguments = ("--reset-on-loss",)

    def test_067_lost_client_resets_the_device_once(self):
        self.dirty_device()
        self.client.set_migration_state(vu.STATE_STOP)
        before = self.client.reg(regs.REG_RESETS_LOST)
        self.reconnect()
        self.assert_defaults()
        self.assertEqual(self.client.reg(regs.REG_RESETS_LOST), before + 1)
        self.assertEqual(self.client.migration_state(), vu.STATE_RUNNING)

    def test_067_client_that_breaks_the_protocol_is_lost_too(self):
        self.dirty_device()
        self.client.send_raw(bytes(16))
        self.client.wait_closed()
        self.reconnect()
        self.assert_defaults()

    def test_067_who_never_was_the_client_is_no_loss(self):
        self.dirty_device()
        with vu.Client(self.path(), handshake=False) as second:
            second.refused(vu.VERSION, vu.version_payload({}))
        self.assert_dirty()


if __name__ == "__main__":
    unittest.main()
