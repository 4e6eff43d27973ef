# SPDX-License-Identifier: BSD-3-Clause
"""guest - a Linux network stack that is plugged into a socket of `outrigger net`

	namespace of the guest          this process            outrigger net
	eth0, a TAP device <----------> pump.Carrier <--------> --stream or --dgram socket

ARP, neighbour discovery, SLAAC, fragments, TCP are the kernel's. eth0 is set up without the
delays that Linux makes to be polite on a segment.
"""

import fcntl
import ipaddress
import os
import socket
import struct
import tempfile
import time

import clients
from netns import Namespace
from pump import Carrier

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x2, 0x1000
TIMEOUT = 30


def make_tap(namespace, name='eth0'):
	with namespace:
		tap = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
	fcntl.ioctl(tap, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TAP | IFF_NO_PI))
	return tap


def plug(path, dgram=False):
	"""A socket that is connected to one of outrigger's; a datagram socket gets an address of its own."""
	kind = socket.SOCK_DGRAM if dgram else socket.SOCK_STREAM
	sock = socket.socket(socket.AF_UNIX, kind)
	if dgram:
		own = tempfile.mktemp(prefix='rig-guest-', dir='/tmp')
		sock.bind(own)
	sock.connect(path)
	return sock


def unplug(sock):
	own = sock.getsockname()
	if own:
		os.unlink(own)


class Guest(Namespace):
	"""@up: set eth0 up, which asks for a router."""

	def __init__(self, pump, path, mac, name, dgram=False, up=True):
		super().__init__(name)
		self.mac, self.path, self.dgram = mac, path, dgram
		self.address = None		# IPv4, by use()
		self.lease = None
		self._interface = None		# address and length
		self._pump = pump
		self.carrier = None
		self.tap = make_tap(self)
		for setting, value in ('accept_dad', 0), ('dad_transmits', 0), ('router_solicitation_interval', 1):
			self.sysctl(f'ipv6/conf/eth0/{setting}', value)
		self.sysctl('ipv4/conf/all/rp_filter', 0)
		self.sysctl('ipv4/conf/default/rp_filter', 0)
		self.connect()
		if up:
			self.ip(f'link set eth0 address {mac}', 'link set eth0 up')

	# The cable

	def connect(self):
		self.carrier = Carrier(self.tap, plug(self.path, self.dgram))
		self._pump.add(self.carrier)

	def disconnect(self):
		"""Hang up; eth0 stays."""
		if self.carrier:
			unplug(self.carrier.sock)
			self._pump.remove(self.carrier)
			self.carrier = None

	def hold(self, held=True):
		"""Read nothing of what comes, or read on."""
		self._pump.hold(self.carrier, held)

	def send(self, frame):
		"""A frame of one's own making, as eth0 would."""
		with self, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
			sock.bind(('eth0', 0))
			sock.send(frame)

	def close(self):
		self.disconnect()
		os.close(self.tap)
		super().close()

	def __repr__(self):
		return self.name

	# Addresses

	def dhcp(self, name='', **options):
		"""Ask for an address and use it; returns the lease."""
		self.lease = clients.dhcp(self, bytes.fromhex(self.mac.replace(':', '')), name, **options)
		if self.lease:
			self.use(self.lease['address'], self.lease['prefix_len'], *self.lease['router'])
		return self.lease

	def use(self, address, prefix_len=24, router=None):
		if self._interface:
			self.ip(f'address del {self._interface} dev eth0')
		self.address, self._interface = address, f'{address}/{prefix_len}'
		self.ip(f'address add {self._interface} dev eth0',
			*([f'route replace default via {router}'] if router else []))

	def insist(self, *gateways):
		"""Set default routes that nobody has told of."""
		self.ip(*(f'route replace default via {gateway} dev eth0' for gateway in gateways))

	def _wait6(self, link_local):
		end = time.monotonic() + TIMEOUT
		while time.monotonic() < end:
			for address, local in self.addresses6('eth0'):
				if local == link_local:
					return str(ipaddress.ip_address(address))
			time.sleep(0.02)
		raise AssertionError(f'{self.name}: no IPv6 address\n' + self.run('ip', '-6', 'address'))

	@property
	def address6(self):
		"""Made from a router advertisement, which is waited for."""
		return self._wait6(False)

	@property
	def link_local(self):
		return self._wait6(True) + '%eth0'

	@property
	def gateway6(self):
		return str(ipaddress.ip_network(self.address6 + '/64', strict=False)[2])

	def addresses(self):
		"""By which others reach it, once it has them."""
		return [self.address, self.address6]

	def resolve(self, name, server=None, **options):
		return clients.resolve(self, server or self.lease['dns'][0], name, **options)
