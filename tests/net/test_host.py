# SPDX-License-Identifier: BSD-3-Clause
"""Who reaches whom in `outrigger net host`: guests each other and the host at the gateway's address, nothing else;
and in networks with a UUID, where the host is only if it was given an address."""

import net_fixture as net
from net_fixture import HOST4, HOST6, METADATA, NEAR4, OUTSIDE, NetCase, questions
from two_networks import TwoNetworks

setUpModule = net.become_host

UUID = '0c1d2e3f-4a5b-4c6d-8e7f-001122334455'
OTHER_UUID = '0c1d2e3f-4a5b-4c6d-8e7f-001122334466'


class Rules(TwoNetworks):
	mode = 'host'

	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		for guest in cls.a, cls.b, cls.c:	# it insists: routes that it was not told of
			guest.insist(net.gateway(1 if guest is not cls.c else 2), guest.gateway6)

	def test_no_way_out_is_told(self):
		self.assertEqual(self.a.lease['router'], [])

	def test_the_outside_is_not_reached(self):
		self.assert_reach(questions(self.a, self.gateways) + questions(net.host, OUTSIDE + METADATA),
				  closed=questions(self.a, OUTSIDE + METADATA))

	def test_the_hosts_other_addresses_are_not_reached(self):
		self.assert_reach(questions(self.a, self.gateways), closed=questions(self.a, [HOST4, HOST6]))


class UserHost(Rules, NetCase):
	"""user, host"""


class KernelHost(Rules, NetCase):
	"""kernel, host"""
	network = 'kernel'


class UserHostIsolated(Rules, NetCase):
	"""user, host, isolated"""
	isolated = True


class KernelHostIsolated(Rules, NetCase):
	"""kernel, host, isolated"""
	network = 'kernel'
	isolated = True


class VmnetHost(Rules, NetCase):
	"""vmnet, host"""
	network = 'vmnet'


class NamedRules:
	isolated = False

	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		options = ['--isolated'] if cls.isolated else []
		first = cls.start('host', '--net-uuid', UUID, *options, name='first')
		second = cls.start('host', '--net-uuid', OTHER_UUID, *options, name='second')
		cls.a, cls.b = (cls.guest(first, name, dhcp=False) for name in 'ab')
		cls.c = cls.guest(second, 'c', dhcp=False)
		for last, guest in enumerate((cls.a, cls.b, cls.c), 10):
			guest.use(f'10.77.1.{last}')

	def test_there_is_no_dhcp(self):
		self.assertIsNone(net.clients.dhcp(self.a, bytes(6), timeout=1))

	def test_guests_of_one_uuid_reach_each_other(self):
		both_ways = questions(self.a, [self.b.address, self.b.link_local]) \
			+ questions(self.b, [self.a.address, self.a.link_local])
		if self.isolated:
			self.assert_reach(closed=both_ways)
		else:
			self.assert_reach(both_ways)

	def test_guests_of_different_uuids_do_not_reach_each_other(self):
		self.assert_reach(closed=questions(self.a, [self.c.address, self.c.link_local])
				  + questions(self.c, [self.a.address, self.a.link_local]))

	def test_neither_the_host_nor_the_outside_is_there(self):
		self.a.insist('10.77.1.1')
		self.assert_reach(questions(net.host, [HOST4, *OUTSIDE]),
				  closed=questions(self.a, ['10.77.1.1', HOST4, NEAR4]))


class UserNamed(NamedRules, NetCase):
	"""user, host with a UUID"""


class KernelNamed(NamedRules, NetCase):
	"""kernel, host with a UUID"""
	network = 'kernel'


class UserNamedIsolated(NamedRules, NetCase):
	"""user, host with a UUID, isolated"""
	isolated = True


class KernelNamedIsolated(NamedRules, NetCase):
	"""kernel, host with a UUID, isolated"""
	network = 'kernel'
	isolated = True


class VmnetNamed(NamedRules, NetCase):
	"""vmnet, host with a UUID"""
	network = 'vmnet'


class NamedWithAddressRules:
	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		network = cls.start('host', '--net-uuid', UUID, *net.subnet(1))
		cls.a, cls.b = (cls.guest(network, name, dhcp=False) for name in 'ab')
		cls.a.use('10.77.1.10')
		cls.b.use('10.77.1.11')

	def test_there_is_no_dhcp(self):
		self.assertIsNone(net.clients.dhcp(self.a, bytes(6), timeout=1))

	def test_the_host_is_at_the_address_that_it_was_given(self):
		self.assert_reach(questions([self.a, self.b], ['10.77.1.1']) + questions(self.a, ['10.77.1.11']))

	def test_the_outside_is_not_reached(self):
		self.a.insist('10.77.1.1')
		self.assert_reach(questions(self.a, ['10.77.1.1']), closed=questions(self.a, [HOST4, NEAR4]))


class UserNamedWithAddress(NamedWithAddressRules, NetCase):
	"""user, host with a UUID and an address"""


class VmnetNamedWithAddress(NamedWithAddressRules, NetCase):
	"""vmnet, host with a UUID and an address"""
	network = 'vmnet'
