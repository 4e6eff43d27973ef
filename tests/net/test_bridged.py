# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger net bridged`: guests are on the segment of an interface, whose DHCP, router and neighbours are theirs.

	 guest a   guest b    guest c			each in a namespace of its own
	  eth0      eth0       eth0
	+--+---------+----+  +--+--------+
	| outrigger net   |  | another   |		the host
	+--+---------+----+  +--+--------+
	   +-- IF ---+----------+
	       |
	+------+----------------------------------+
	| eth0 10.50.0.1, fd00:50::1     the LAN  |	DHCP, router advertisements, a server
	+-----------------------------------------+

IF is a Linux bridge that has the cable to the LAN as a port and 10.50.0.2 of the host, or it is that cable (macvtap).
"""

import unittest

import net_fixture as net
from net_fixture import FAR4, NetCase, harness, questions

setUpModule = net.become_host

LAN = ['10.50.0.1', 'fd00:50::1']
HOST_ON_LAN = '10.50.0.2'


def dnsmasq(lan):
	"""The LAN's DHCP server and router, which leads nowhere."""
	with lan:
		return harness.Process([
			'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--port=0',
			'--leasefile-ro', '--no-ping', '--dhcp-authoritative', '--interface=eth0', '--enable-ra',
			'--dhcp-range=10.50.0.100,10.50.0.200,255.255.255.0', '--dhcp-range=fd00:50::,ra-stateless,64'])


def has_device_nodes():
	"""Does the kernel make the node of a macvtap, which nobody in a user namespace may?"""
	with open('/proc/self/mounts') as mounts:
		return any(line.split()[1:3] == ['/dev', 'devtmpfs'] for line in mounts)


class Rules:
	network = 'kernel'
	isolated = False
	bridge = True

	@classmethod
	def setUpClass(cls):
		if not cls.bridge and not has_device_nodes():
			raise unittest.SkipTest('a macvtap needs the devtmpfs in /dev; spec/test_kernel_bridged makes nodes')
		super().setUpClass()
		cls.lan = net.Namespace('lan')
		cls.addClassCleanup(cls.lan.close)
		net.cable(cls.lan, 'lan0')
		cls.addClassCleanup(net.host.ip, 'link del lan0')
		cls.lan.ip('address add 10.50.0.1/24 dev eth0', 'address add fd00:50::1/64 dev eth0 nodad')
		cls.interface = 'lan0'
		if cls.bridge:
			cls.interface = 'br0'
			net.host.ip('link add br0 type bridge', 'link set lan0 master br0', 'link set br0 up')
			cls.addClassCleanup(net.host.ip, 'link del br0')
		net.host.ip(f'address add {HOST_ON_LAN}/24 dev {cls.interface}')
		cls.addClassCleanup(net.servers.close, net.servers.open_all(cls.lan))
		cls.enterClassContext(dnsmasq(cls.lan))
		cls.options = ['--ifname', cls.interface, *(['--isolated'] if cls.isolated else [])]
		first = cls.start('bridged', *cls.options)
		cls.a, cls.b = cls.guest(first, 'a'), cls.guest(first, 'b')
		cls.before = net.host_state()

	def test_addresses_are_the_lans(self):
		self.assertEqual({guest.lease['server'] for guest in (self.a, self.b)}, {'10.50.0.1'})
		self.assertTrue(all(guest.address6.startswith('fd00:50:') for guest in (self.a, self.b)))

	def test_guests_and_the_lan_reach_each_other(self):
		answers = self.assert_reach(questions(self.a, LAN, ['tcp']))
		self.assertEqual(answers, self.a.addresses())	# nothing is translated
		self.assert_reach(questions(self.b, LAN) + questions(self.lan, self.a.addresses() + self.b.addresses()))

	def test_guests_reach_each_other(self):
		between = questions(self.a, self.b.addresses()) + questions(self.b, self.a.addresses())
		lan = questions([self.a, self.b], LAN)
		if self.isolated:
			self.assert_reach(lan, closed=between)
		else:
			self.assert_reach(lan + between)

	def test_the_host_is_a_neighbour_on_a_bridge_only(self):
		host_there = questions(self.a, [HOST_ON_LAN])
		if self.bridge:
			self.assert_reach(host_there)
		else:
			self.assert_reach(questions(self.a, LAN), closed=host_there)

	def test_the_hosts_way_out_is_not_theirs(self):
		self.a.insist(HOST_ON_LAN)
		self.assert_reach(questions(self.a, LAN), closed=questions(self.a, [FAR4]))

	def assert_as_it_was(self, before):
		self.assertEqual(net.host_state(), before)

	def test_the_interface_is_left_as_it_was(self):
		self.assert_as_it_was(self.before)
		with self.start_alone('bridged', *self.options, name='second') as second:
			self.guest(second, 'c', test=self)
			self.assertNotEqual(net.host_state(), self.before)
		self.assert_as_it_was(self.before)


class NeighbourRules:
	def test_guests_of_another_process_are_neighbours(self):
		with self.start_alone('bridged', *self.options, name='second') as second:
			c = self.guest(second, 'c', test=self)
			self.assert_reach(questions(self.a, c.addresses()) + questions(c, self.a.addresses()))


class Bridge(Rules, NeighbourRules, NetCase):
	"""bridged, Linux bridge"""


class BridgeIsolated(Rules, NetCase):
	"""bridged, Linux bridge, isolated"""
	isolated = True


class Macvtap(Rules, NeighbourRules, NetCase):
	"""bridged, macvtap"""
	bridge = False


class MacvtapIsolated(Rules, NetCase):
	"""bridged, macvtap, isolated"""
	bridge, isolated = False, True


class BridgeVmnet(Rules, NeighbourRules, NetCase):
	"""bridged, vmnet on a Linux bridge"""
	network = 'vmnet'

	def assert_as_it_was(self, before):
		"""A port goes when the process that has the network has seen that its program is gone."""
		net.until('the ports of others are gone', lambda: net.host_state() == before)
