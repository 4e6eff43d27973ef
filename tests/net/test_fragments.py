# SPDX-License-Identifier: BSD-3-Clause
"""Packets that are longer than the MTU: there and back again, in fragments that the guest's kernel makes and
puts together."""

import json
import os
import select
import socket
import struct
import time

import net_fixture as net
from net_fixture import FAR4, FAR6, NetCase
from reach import AGAIN, TIMEOUT, checksum
from servers import ECHO_PORT

setUpModule = net.become_host

SIZE = 8000
MANY = 20
MOST = 65507	# of UDP over IPv4: 65535 less the headers


def exchange(guest, kind, number, target, messages, data_of):
	"""Send each until its data have come back; returns those messages whose never did."""
	family = socket.AF_INET6 if ':' in target[0] else socket.AF_INET
	missing, end = list(messages), time.monotonic() + TIMEOUT
	with guest, socket.socket(family, kind, number) as sock:
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
		sock.connect(target)
		while missing and time.monotonic() < end:
			for message in missing:
				sock.send(message)
			while missing and select.select([sock], [], [], AGAIN)[0]:
				data = data_of(sock.recv(70000))
				missing = [message for message in missing if not data or not message.endswith(data)]
	return missing


def udp(guest, address, sizes):
	messages = [os.urandom(size) for size in sizes]
	return exchange(guest, socket.SOCK_DGRAM, 0, (address, ECHO_PORT), messages, bytes)


def ping(guest, address, size):
	"""As ping -s does."""
	echo = struct.pack('>BBHHH', 8, 0, 0, 1, 1) + os.urandom(size)
	echo = echo[:2] + struct.pack('>H', checksum(echo)) + echo[4:]
	return exchange(guest, socket.SOCK_RAW, socket.IPPROTO_ICMP, (address, 0), [echo],
			lambda packet: packet[28:] if packet[20] == 0 else b'')


class Rules:
	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		cls.control = os.path.join(cls.tmp, 'control')
		cls.net = cls.start('shared', *net.subnet(1), '--nat66-prefix', 'fd00:77:1::', '--control', cls.control)
		cls.a, cls.b = cls.guest(cls.net, 'a'), cls.guest(cls.net, 'b')
		echoes = [*net.servers.echo(net.outside, FAR4), *net.servers.echo(net.outside, FAR6)]
		for namespace in net.host, cls.b:
			echoes += [*net.servers.echo(namespace, '0.0.0.0'), *net.servers.echo(namespace, '::')]
		cls.addClassCleanup(net.servers.close, echoes)

	def check(self, address, *sizes):
		lost = [len(message) for message in udp(self.a, address, sizes)]
		self.assertFalse(lost, f'{address}: these did not come back: {lost}\n{self.net.stderr()}')

	def test_long_datagrams_go_out_and_come_back(self):
		self.check(FAR4, SIZE)

	def test_long_datagrams_of_ipv6_go_out_and_come_back(self):
		self.a.address6
		self.check(FAR6, SIZE)

	def test_many_long_datagrams_go_out_and_come_back(self):
		self.a.address6
		for address in FAR4, FAR6:
			self.check(address, *[SIZE + number for number in range(MANY)])

	def test_the_longest_datagram_goes_out(self):
		self.check(FAR4, MOST)

	def test_long_datagrams_reach_the_host_at_the_gateways_addresses(self):
		self.check(net.gateway(1), SIZE, 65000)
		self.check(self.a.gateway6, SIZE, 65000)

	def test_long_datagrams_reach_another_guest(self):
		for address in self.b.addresses():
			self.check(address, SIZE)

	def test_long_pings_are_answered(self):
		for address in net.gateway(1), FAR4, self.b.address:
			self.assertFalse(ping(self.a, address, 4000), address)


class UserFragments(Rules, NetCase):
	"""user"""

	def test_overlapping_fragments_do_not_leave(self):
		# tests/unit/test_fragments has all kinds; here: that it is what stands before libslirp
		before = self.counter('packets_overlapping_total')
		with self.a, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
			for offset, payload in (0, bytes(16)), (1, bytes([1]) * 16):
				header = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 36, 77, 0x2000 | offset, 64, 17, 0,
						     socket.inet_aton(self.a.address), socket.inet_aton(FAR4))
				sock.sendto(header + payload, (FAR4, 0))
		net.until('the counter says so', lambda: self.counter('packets_overlapping_total') == before + 1)

	def counter(self, name):
		with socket.socket(socket.AF_UNIX) as sock, sock.makefile('r') as answers:
			sock.connect(self.control)
			sock.sendall(b'{"method":"counters"}\n')
			answers.readline()	# the greeting
			return json.loads(answers.readline())['result']['network'][name]


class KernelFragments(Rules, NetCase):
	"""kernel"""
	network = 'kernel'
