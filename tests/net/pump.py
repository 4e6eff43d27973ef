# SPDX-License-Identifier: BSD-3-Clause
"""pump - carries frames between TAP devices and sockets of `outrigger net`, all in one thread

	TAP in a guest's namespace <---> Carrier <---> --stream or --dgram socket

A stream carries each frame behind its length, 4 bytes in network order; a datagram is a frame.
"""

import collections
import os
import select
import socket
import struct
import threading

FRAME = 1 << 16


class Carrier:
	"""Owned by the pump once it was added. reads: False leaves what comes from the network unread."""

	def __init__(self, tap, sock, reads=True):
		self.tap, self.sock, self.reads = tap, sock, reads
		self.stream = sock.type == socket.SOCK_STREAM
		self.ended = threading.Event()	# the other side hung up
		self._in = bytearray()
		self._out = collections.deque()
		sock.setblocking(False)

	def wants(self):
		"""What to poll for: of the TAP, of the socket."""
		return (0 if self._out else select.EPOLLIN,
			(select.EPOLLIN if self.reads else 0) | (select.EPOLLOUT if self._out else 0))

	def from_tap(self):
		frame = os.read(self.tap, FRAME)
		self._out.append(struct.pack('>I', len(frame)) + frame if self.stream else frame)
		self.to_socket()

	def to_socket(self):
		while self._out:
			data = self._out.popleft()
			try:
				sent = self.sock.send(data)
			except BlockingIOError:
				sent = 0
			except (ConnectionRefusedError, FileNotFoundError):
				continue	# nobody at the datagram socket: the frame is lost
			if sent < len(data):
				self._out.appendleft(data[sent:])
				return

	def from_socket(self):
		data = self.sock.recv(4 * FRAME)
		if not self.stream:
			self._to_tap(data)
			return
		if not data:
			raise EOFError
		self._in += data
		while len(self._in) >= 4:
			end = 4 + struct.unpack_from('>I', self._in)[0]
			if len(self._in) < end:
				break
			self._to_tap(bytes(self._in[4:end]))
			del self._in[:end]

	def _to_tap(self, frame):
		try:
			os.write(self.tap, frame)
		except OSError:
			pass	# its interface is down: lost, as on a cable


class Pump(threading.Thread):
	def __init__(self):
		super().__init__(daemon=True)
		self._epoll = select.epoll()
		self._fds = {}		# fd -> (carrier, which of both)
		self._wanted = {}	# fd -> events
		self._lock = threading.Lock()
		self.start()

	def add(self, carrier):
		with self._lock:
			for fd, side in (carrier.tap, 'tap'), (carrier.sock.fileno(), 'socket'):
				self._fds[fd] = carrier, side
				self._wanted[fd] = 0
				self._epoll.register(fd, 0)
			self._update(carrier)

	def remove(self, carrier):
		"""The TAP is the caller's again; the socket is closed."""
		with self._lock:
			self._forget(carrier)
			carrier.sock.close()

	def hold(self, carrier, held):
		"""Read nothing more from the socket, or read on."""
		with self._lock:
			carrier.reads = not held
			self._update(carrier)

	def _forget(self, carrier):
		for fd in carrier.tap, carrier.sock.fileno():
			if self._fds.pop(fd, None):
				self._epoll.unregister(fd)

	def _update(self, carrier):
		for fd, events in zip((carrier.tap, carrier.sock.fileno()), carrier.wants()):
			if self._wanted[fd] != events:
				self._wanted[fd] = events
				self._epoll.modify(fd, events)

	def run(self):
		while True:
			for fd, events in self._epoll.poll(0.2, 64):
				with self._lock:
					if fd in self._fds:
						self._turn(*self._fds[fd], events)

	def _turn(self, carrier, side, events):
		try:
			if side == 'tap':
				carrier.from_tap()
			else:
				if events & select.EPOLLOUT:
					carrier.to_socket()
				if events & (select.EPOLLIN | select.EPOLLHUP):
					carrier.from_socket()
			self._update(carrier)
		except BlockingIOError:
			pass
		except (EOFError, OSError):
			self._forget(carrier)
			carrier.ended.set()
