# SPDX-License-Identifier: BSD-3-Clause
"""qtest - a stock QEMU without a guest: the test is its processor

QEMU's vfio-user client is the one under test; configuration cycles, memory accesses and RAM are
ours to command (QEMU's qtest protocol), so a case takes no boot.

	with TestDevice(path) as device, Machine([path]) as machine:
		pci = machine.pci(0)
		pci.map_bars()
		assert pci.read(0, REG_ID, 4) == MAGIC
"""

import json
import os
import select
import socket
import struct

from harness import Deadline, Failure, OUTRIGGER, Outrigger, Process, VM

TEST_DEVICE = os.environ.get('OUTRIGGER_TEST_DEVICE', os.path.join(
	os.path.dirname(OUTRIGGER), '..', '..', 'tests', 'device', 'outrigger-test-device'))

RAM = 64 << 20		# bytes, from address 0; what is free of firmware starts at FREE
FREE = 16 << 20
BARS = 0xe0000000	# where map_bars() puts them
MSIX_WORDS, MSIX_DATA = FREE - 4096, 0x4000
TIMEOUT = 30

COMMAND, STATUS, BAR0, CAPABILITIES = 0x04, 0x06, 0x10, 0x34
COMMAND_MEMORY, COMMAND_MASTER = 2, 4


class Machine(Process):
	"""A QEMU with one vfio-user device for each socket path, stopped but for what is asked of it."""

	def __init__(self, paths, options=None, check=True):
		ours, its = socket.socketpair()
		with its:
			devices = [argument for n, path in enumerate(paths)
				   for argument in ('-device', json.dumps(device(n, path, options or {})))]
			super().__init__(
				[os.path.join(VM, 'qemu-system-x86_64'), '-nodefaults', '-no-user-config',
				 '-display', 'none', '-accel', 'qtest', '-m', f'{RAM >> 20}M',
				 '-object', f'memory-backend-memfd,id=ram,size={RAM >> 20}M,share=on',
				 '-machine', 'q35,memory-backend=ram',
				 '-chardev', f'socket,id=qtest,fd={its.fileno()}',
				 '-qtest', 'chardev:qtest', '-qtest-log', 'none', *devices],
				pass_fds=[its.fileno()])
		self._socket, self._buffer, self._next_bar = ours, b'', BARS
		if check:
			self.command('read 0x0 0x1')	# answered once every device is there

	def __exit__(self, *exception):
		super().__exit__(*exception)
		self._socket.close()

	def command(self, text):
		"""One command: the words of the answer behind OK."""
		deadline = Deadline(TIMEOUT)
		try:
			self._socket.sendall(text.encode() + b'\n')
		except OSError:
			raise self._gone() from None
		while True:
			words = self._line(deadline).split()
			if words[0] == 'OK':
				return words[1:]
			if words[0] not in ('IRQ', '[I'):
				raise Failure(f'{self}: {text[:80]}: {" ".join(words)}')

	def _line(self, deadline):
		while b'\n' not in self._buffer:
			if not select.select([self._socket], [], [], deadline.left())[0]:
				raise Failure(f'{self} does not answer after {deadline.seconds} s\n{self.stderr()}')
			data = self._socket.recv(1 << 20)
			if not data:
				raise self._gone()
			self._buffer += data
		line, self._buffer = self._buffer.split(b'\n', 1)
		return line.decode()

	def _gone(self):
		return Failure(f'{self} ended with status {self.wait()}\n{self.stderr()}')

	def mem_read(self, address, length):
		return bytes.fromhex(self.command(f'read {address:#x} {length:#x}')[0][2:])

	def mem_write(self, address, data):
		self.command(f'write {address:#x} {len(data):#x} 0x{data.hex()}')

	def pci(self, n):
		"""The n-th of the devices."""
		return Pci(self, slot(n))

	def place(self, size):
		"""An address for a BAR of this size."""
		address = (self._next_bar + size - 1) & ~(size - 1)
		self._next_bar = address + size
		return address


def slot(n):
	return 8 + n


def device(n, path, options):
	return {'driver': 'vfio-user-pci', 'id': f'dev{n}', 'addr': f'{slot(n):#x}',
		'socket': {'type': 'unix', 'path': path}, **options}


class TestDevice(Outrigger):
	"""outrigger-test-device at this path, ready once its block is entered."""

	program = TEST_DEVICE

	def __init__(self, path, *options, **keywords):
		super().__init__('--socket-path=' + path, *options, **keywords)


class Pci:
	"""A function on bus 0."""

	SIZES = {1: 'b', 2: 'w', 4: 'l', 8: 'q'}

	def __init__(self, machine, number):
		self.machine, self.number, self.bars = machine, number, {}

	def _select(self, offset):
		self.machine.command(f'outl 0xcf8 {1 << 31 | self.number << 11 | offset & ~3:#x}')
		return 0xcfc + (offset & 3)

	def config_read(self, offset, size=4):
		port = self._select(offset)
		return int(self.machine.command(f'in{self.SIZES[size]} {port:#x}')[0], 16)

	def config_write(self, offset, value, size=4):
		port = self._select(offset)
		self.machine.command(f'out{self.SIZES[size]} {port:#x} {value:#x}')

	def capability(self, wanted):
		"""The offset of a capability, None without it."""
		at = self.config_read(CAPABILITIES, 1)
		while at:
			if self.config_read(at, 1) == wanted:
				return at
			at = self.config_read(at + 1, 1)
		return None

	def map_bars(self):
		"""Size every memory BAR, place it, and switch decoding and bus mastering on."""
		for bar in range(6):
			register = BAR0 + 4 * bar
			self.config_write(register, 0xffffffff)
			mask = self.config_read(register) & ~0xf
			if mask:
				self.bars[bar] = self.machine.place((~mask & 0xffffffff) + 1)
				self.config_write(register, self.bars[bar])
		self.config_write(COMMAND, COMMAND_MEMORY | COMMAND_MASTER, 2)

	def read(self, bar, offset, size):
		"""One access of 1, 2, 4 or 8 bytes."""
		command = f'read{self.SIZES[size]} {self.bars[bar] + offset:#x}'
		return int(self.machine.command(command)[0], 16)

	def write(self, bar, offset, value, size):
		self.machine.command(f'write{self.SIZES[size]} {self.bars[bar] + offset:#x} {value:#x}')

	def enable_msix(self, capability, table_bar, table_offset, vectors):
		"""Vector n will write MSIX_DATA + n to a word of RAM: an interrupt that can be read."""
		self.machine.mem_write(MSIX_WORDS, bytes(4 * vectors))
		for n in range(vectors):
			entry = struct.pack('<QII', MSIX_WORDS + 4 * n, MSIX_DATA + n, 0)
			for i in range(0, 16, 4):
				self.write(table_bar, table_offset + 16 * n + i,
					   int.from_bytes(entry[i:i + 4], 'little'), 4)
		self.config_write(capability + 2, 0x8000, 2)

	def msix_seen(self, vector):
		word = self.machine.mem_read(MSIX_WORDS + 4 * vector, 4)
		return int.from_bytes(word, 'little') == MSIX_DATA + vector
