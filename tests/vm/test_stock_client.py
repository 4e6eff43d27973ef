# SPDX-License-Identifier: BSD-3-Clause
"""Stock QEMU's vfio-user client with a device on our server library, without a guest.

	qtest ──── QEMU: vfio-user-pci ════ vfio-user ════ outrigger-test-device
	(the test is the processor)                        (tests/device/registers.h)
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, '..', 'spec')]
import test_device_regs as regs
from harness import TemporaryDirectory, missing
from qtest import FREE, Machine, TestDevice

CAP_MSI, CAP_VENDOR, CAP_PCIE, CAP_MSIX = 0x05, 0x09, 0x10, 0x11
ALL_ONES = 0xffffffff


@unittest.skipIf(missing(), missing())
class StockClient(unittest.TestCase):
    options = ()

    def setUp(self):
        tmp = self.enterContext(TemporaryDirectory())
        self.device = self.enterContext(TestDevice(tmp + '/device', *self.options))
        self.machine = self.enterContext(Machine([tmp + '/device']))
        self.pci = self.machine.pci(0)
        self.pci.map_bars()

    def reg(self, offset, size=4):
        return self.pci.read(0, offset, size)

    def set(self, offset, value, size=4):
        self.pci.write(0, offset, value, size)

    def dma(self, command, address, length, local=0, second=0, count=1, stride=0):
        """Run the DMA engine to its end: the errno of the command."""
        done = self.reg(regs.REG_DMA_DONE)
        for register, value, size in ((regs.REG_DMA_ADDRESS, address, 8), (regs.REG_DMA_SECOND, second, 8),
                                      (regs.REG_DMA_LENGTH, length, 4), (regs.REG_DMA_LOCAL, local, 4),
                                      (regs.REG_DMA_STRIDE, stride, 4), (regs.REG_DMA_COUNT, count, 4),
                                      (regs.REG_DMA_COMMAND, command, 4)):
            self.set(register, value, size)
        self.until(lambda: self.reg(regs.REG_DMA_DONE) != done, 'the DMA engine is not done')
        return self.reg(regs.REG_DMA_RESULT)

    def until(self, condition, what, tries=20000):
        """Each try is a round trip to the device: no sleep."""
        for _ in range(tries):
            if condition():
                return
        self.fail(what)


class Registers(StockClient):
    def test_identity_and_capabilities_are_the_devices(self):
        self.assertEqual(self.pci.config_read(0), regs.DEVICE << 16 | regs.VENDOR)
        for capability in (CAP_MSI, CAP_VENDOR, CAP_PCIE, CAP_MSIX):
            self.assertIsNotNone(self.pci.capability(capability), hex(capability))

    def test_every_memory_bar_has_its_size(self):
        self.assertEqual(set(self.pci.bars), set(range(6)))

    def test_registers_by_1_2_4_and_8_bytes(self):
        self.assertEqual(self.reg(regs.REG_ID), regs.MAGIC)
        self.set(regs.REG_SCRATCH, 0x1122334455667788, 8)
        self.assertEqual(self.reg(regs.REG_SCRATCH, 8), 0x1122334455667788)
        self.set(regs.REG_SCRATCH + 1, 0xaa, 1)
        self.set(regs.REG_SCRATCH + 6, 0xbbbb, 2)
        self.assertEqual(self.reg(regs.REG_SCRATCH, 4), 0x5566aa88)
        self.assertEqual(self.reg(regs.REG_SCRATCH + 4, 4), 0xbbbb3344)

    def test_a_thousand_writes_arrive_in_order(self):
        values = [i * 0x01010101 & 0xffffffff for i in range(0x100)]
        data = b''.join(v.to_bytes(4, 'little') for v in values)
        self.machine.mem_write(self.pci.bars[0] + regs.REG_MEMORY, data)
        self.assertEqual(self.machine.mem_read(self.pci.bars[0] + regs.REG_MEMORY, len(data)), data)

    def test_a_handler_of_part_of_config_space_runs(self):
        vendor = self.pci.capability(CAP_VENDOR)
        self.pci.config_write(vendor + 4, 0xcafe1234)
        self.assertEqual(self.pci.config_read(vendor + 4), 0xcafe1234)
        self.assertEqual(self.pci.config_read(vendor + 16), regs.MAGIC)

    def test_a_late_answer_is_waited_for(self):
        self.machine.mem_write(self.pci.bars[0] + regs.REG_MEMORY, b'late')
        self.set(regs.REG_DEFER_MS, 20)
        self.set(regs.REG_DEFER_KINDS, regs.KIND_READ)
        self.assertEqual(self.reg(regs.REG_MEMORY), int.from_bytes(b'late', 'little'))

    def test_a_device_that_dies_reads_as_ones_and_qemu_lives(self):
        self.set(regs.REG_HANG_UP, regs.HANG_UP_PROCESS)
        self.assertEqual(self.device.wait(), 0)
        self.assertEqual(self.reg(regs.REG_ID), ALL_ONES)
        self.assertTrue(self.machine.alive())

    def test_function_level_reset_reaches_the_device(self):
        self.set(regs.REG_SCRATCH, 7)
        control = self.pci.capability(CAP_PCIE) + 8
        self.pci.config_write(control, self.pci.config_read(control, 2) | 0x8000, 2)
        self.pci.map_bars()
        self.assertEqual(self.reg(regs.REG_SCRATCH), 0)


class MappedMemory(StockClient):
    def test_a_mapped_bar_and_the_device_share_memory(self):
        data = os.urandom(4096)
        self.machine.mem_write(self.pci.bars[1], data)
        self.assertEqual(self.dma(regs.DMA_WRITE | regs.DMA_PIN, FREE, len(data)), 0)
        self.assertEqual(self.machine.mem_read(FREE, len(data)), data)

    def test_sparse_areas_and_what_lies_between_them_agree(self):
        base = self.pci.bars[2]
        data = bytes(range(256)) * 256
        self.machine.mem_write(base, data)
        self.assertEqual(self.machine.mem_read(base, len(data)), data)


class GuestMemory(StockClient):
    def test_every_way_to_read_guest_memory(self):
        for way in (regs.DMA_PIN, regs.DMA_TRANSLATE, regs.DMA_WAIT, regs.DMA_ASYNC):
            data = os.urandom(3000)
            self.machine.mem_write(FREE + 123, data)
            self.assertEqual(self.dma(regs.DMA_READ | way, FREE + 123, len(data), local=512), 0)
            self.assertEqual(self.machine.mem_read(self.pci.bars[1] + 512, len(data)), data)

    def test_every_way_to_write_guest_memory(self):
        for way in (regs.DMA_PIN, regs.DMA_TRANSLATE, regs.DMA_WAIT, regs.DMA_ASYNC):
            data = os.urandom(3000)
            self.machine.mem_write(self.pci.bars[1] + 64, data)
            self.assertEqual(self.dma(regs.DMA_WRITE | way, FREE + 99, len(data), local=64), 0)
            self.assertEqual(self.machine.mem_read(FREE + 99, len(data)), data)

    def test_64_transfers_in_flight(self):
        data = os.urandom(64 * 1024)
        self.machine.mem_write(FREE, data)
        self.assertEqual(self.dma(regs.DMA_READ | regs.DMA_ASYNC, FREE, 1024, count=64, stride=1024), 0)
        self.assertEqual(self.machine.mem_read(self.pci.bars[1], len(data)), data)

    def test_an_address_without_memory_is_an_error_for_the_device_only(self):
        self.assertNotEqual(self.dma(regs.DMA_READ | regs.DMA_PIN, 1 << 45, 64), 0)
        self.assertEqual(self.reg(regs.REG_ID), regs.MAGIC)


class Interrupts(StockClient):
    def test_msix_vectors_arrive_where_the_table_says(self):
        self.pci.enable_msix(self.pci.capability(CAP_MSIX), 0, regs.MSIX_TABLE, regs.MSIX_VECTORS)
        for vector in (0, 5, regs.MSIX_VECTORS - 1):
            self.set(regs.REG_TRIGGER, 2 << 16 | vector)
            self.assertEqual(self.reg(regs.REG_TRIGGER_RESULT), 0)
            self.until(lambda: self.pci.msix_seen(vector), f'vector {vector} did not arrive')

    def test_the_end_of_a_transfer_interrupts(self):
        self.pci.enable_msix(self.pci.capability(CAP_MSIX), 0, regs.MSIX_TABLE, regs.MSIX_VECTORS)
        self.set(regs.REG_DONE_IRQ, 2 << 16 | 3)
        self.assertEqual(self.dma(regs.DMA_FILL | regs.DMA_PIN, FREE, 4096), 0)
        self.until(lambda: self.pci.msix_seen(3), 'vector 3 did not arrive')


class WriteMultiple(Registers):
    """QEMU queues its writes then, and may send many in one message."""
    options = ('--write-multiple',)


class OneThread(Registers):
    options = ('--one-thread',)


if __name__ == '__main__':
    unittest.main()
