# SPDX-License-Identifier: BSD-3-Clause
"""reach - who reaches whom: questions asked from several namespaces at once

	answers = ask([Question(a, 'tcp', '10.0.0.2'), Question(a, 'icmp', 'fd00::2')], expected=2)

gives for each the address under which the other side saw us (for icmp: the address that
answered), or None. As many answers as expected are waited for, however long a busy machine
takes; none where none should come, only QUIET seconds: a test for those then asks what
does answer, too, which shows that the way was open.
"""

import os
import select
import socket
import struct
import time

import servers

TIMEOUT = 30	# seconds for what must come
QUIET = 0.7	# seconds for what must not
AGAIN = 0.3	# until a lost datagram is sent again


class Question:
	"""To a server at some address and port; protocol tcp, udp or icmp; source: an address of the namespace."""

	def __init__(self, namespace, protocol, address, port=servers.PORT, source=None):
		self.namespace, self.protocol = namespace, protocol
		self.address, self.port, self.source = address, port, source
		self.six = ':' in address
		self.answer, self.ended = None, False
		self.sock = None

	def __str__(self):
		what = self.protocol if self.protocol == 'icmp' else f'{self.protocol} port {self.port}'
		return f'{self.namespace.name} to {self.address} by {what}'

	def start(self):
		family = socket.AF_INET6 if self.six else socket.AF_INET
		kind, number = {'tcp': (socket.SOCK_STREAM, 0), 'udp': (socket.SOCK_DGRAM, 0),
				'icmp': (socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP)
				}[self.protocol]
		self._data = os.urandom(16)
		with self.namespace:
			self.sock = socket.socket(family, kind, number)
			self.sock.setblocking(False)
			try:
				if self.source:
					self.sock.bind((self.source, 0))
				self.sock.connect(self._target())
			except BlockingIOError:
				pass
			except OSError:
				self.ended = True	# unreachable
		self.send()

	def _target(self):
		address, _, interface = self.address.partition('%')
		port = 0 if self.protocol == 'icmp' else self.port
		scope = socket.if_nametoindex(interface) if interface else 0
		return (address, port, 0, scope) if self.six else (address, port)

	def send(self):
		if self.protocol == 'tcp' or self.ended:
			return
		data = self._data
		if self.protocol == 'icmp':
			echo = struct.pack('>BBHHH', 128 if self.six else 8, 0, 0, 1, 1) + data
			data = echo[:2] + struct.pack('>H', checksum(echo)) + echo[4:]	# of ICMPv6: by the kernel
		try:
			self.sock.send(data)
		except OSError:
			pass	# an ICMP error to what was sent before; what counts is whether an answer comes

	def readable(self):
		try:
			data = self.sock.recv(2048)
		except BlockingIOError:
			return
		except OSError:
			self.ended = self.protocol == 'tcp'
			return
		if self.protocol != 'icmp':
			self.answer, self.ended = data.decode() or None, True
			return
		message = data if self.six else data[4 * (data[0] & 15):]
		if message[0] == (129 if self.six else 0) and message[8:] == self._data:
			self.answer, self.ended = self.address, True


def checksum(data):
	total = sum(struct.unpack(f'>{len(data) // 2}H', data))
	while total >> 16:
		total = (total & 0xffff) + (total >> 16)
	return ~total & 0xffff


def ask(questions, expected):
	"""Ask all at once, until there are as many answers as expected and then no more."""
	poll, by_fd = select.poll(), {}
	try:
		for question in questions:
			question.start()
			by_fd[question.sock.fileno()] = question
			poll.register(question.sock, select.POLLIN)
		end = time.monotonic() + TIMEOUT
		quiet_from = again = time.monotonic()
		while any(not question.ended for question in questions):
			now = time.monotonic()
			answered = sum(question.answer is not None for question in questions)
			if now > end or (answered >= expected and now > quiet_from + QUIET):
				break
			for fd, _ in poll.poll(50):
				question = by_fd[fd]
				question.readable()
				if question.ended:
					poll.unregister(fd)
				if question.answer:
					quiet_from = time.monotonic()
			if now > again + AGAIN:
				again = now
				for question in questions:
					if not question.ended:
						question.send()
	finally:
		for question in questions:
			if question.sock:
				question.sock.close()
	return [question.answer for question in questions]
