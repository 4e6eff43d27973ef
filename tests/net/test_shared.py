# SPDX-License-Identifier: BSD-3-Clause
"""Who reaches whom in `outrigger net shared`, in words of vmnet's table: guest and guest of the same and of
another network, guest and host, guest and outside; plain and isolated."""

import net_fixture as net
from net_fixture import HOST4, HOST6, LOOPBACK_PORT, METADATA, OUTSIDE, NetCase, questions
from two_networks import TwoNetworks

setUpModule = net.become_host


class Rules(TwoNetworks):
	mode = 'shared'

	@classmethod
	def options(cls, number):
		return [*super().options(number), '--nat66-prefix', f'fd00:77:{number}::']

	def test_what_the_host_offers_on_its_loopback_only_is_closed(self):
		self.assert_reach(questions(self.a, self.gateways), closed=questions(
			self.a, self.gateways, ('tcp', 'udp'), port=LOOPBACK_PORT))

	def test_the_outside_is_reached_and_sees_the_hosts_addresses(self):
		for protocol in 'tcp', 'udp':
			answers = self.assert_reach(questions(self.a, OUTSIDE, [protocol]))
			self.assertEqual(answers, [HOST4, HOST6, HOST4, HOST6])
		self.assert_reach(questions(self.a, OUTSIDE[0:3:2], ['icmp']))

	def test_a_clouds_metadata_are_closed(self):
		self.assert_reach(questions(net.host, METADATA) + questions(self.a, OUTSIDE, ['tcp', 'udp']),
				  closed=questions(self.a, METADATA))


class OpenedRules:
	"""The gateway's doors that --host-loopback and --allow open, and which stay closed then."""

	def guest_of(self, *options):
		network = self.start('shared', *net.subnet(1), '--nat66-prefix', 'fd00:77:1::', *options, test=self)
		guest = self.guest(network, 'a', test=self)
		return guest, [net.gateway(1), guest.gateway6]

	def test_host_loopback_opens_what_is_there_only(self):
		guest, gateways = self.guest_of('--host-loopback')
		self.assert_reach(questions(guest, gateways, ('tcp', 'udp'), port=LOOPBACK_PORT) + questions(guest, gateways),
				  closed=questions(guest, METADATA))

	def test_an_allowed_port_of_the_loopback_is_open_and_no_other(self):
		guest, (gateway, gateway6) = self.guest_of('--allow', f'127.0.0.1:{LOOPBACK_PORT}')
		self.assert_reach(questions(guest, [gateway], ('tcp', 'udp'), port=LOOPBACK_PORT),
				  closed=questions(guest, [gateway6], ('tcp', 'udp'), port=LOOPBACK_PORT))

	def test_an_allowed_port_of_the_ipv6_loopback_is_open_and_no_other(self):
		guest, (gateway, gateway6) = self.guest_of('--allow', f'[::1]:{LOOPBACK_PORT}')
		self.assert_reach(questions(guest, [gateway6], ('tcp', 'udp'), port=LOOPBACK_PORT),
				  closed=questions(guest, [gateway], ('tcp', 'udp'), port=LOOPBACK_PORT))


class AllowedRules:
	def test_allowed_metadata_are_open_and_no_others(self):
		for allowed, other in METADATA, reversed(METADATA):
			with self.subTest(allowed):
				with self.start_alone('shared', *net.subnet(1), '--allow', allowed) as network:
					guest = self.guest(network, 'a', test=self)
					guest.address6	# has its route
					self.assert_reach(questions(guest, [allowed], ('tcp', 'udp')),
							  closed=questions(guest, [other], ('tcp', 'udp')))


class UserShared(Rules, NetCase):
	"""user, shared"""


class KernelShared(Rules, NetCase):
	"""kernel, shared"""
	network = 'kernel'


class UserSharedIsolated(Rules, NetCase):
	"""user, shared, isolated"""
	isolated = True


class KernelSharedIsolated(Rules, NetCase):
	"""kernel, shared, isolated"""
	network = 'kernel'
	isolated = True


class UserOpened(OpenedRules, AllowedRules, NetCase):
	"""user"""


class KernelAllowed(AllowedRules, NetCase):
	"""kernel"""
	network = 'kernel'


class VmnetShared(Rules, NetCase):
	"""vmnet, shared"""
	network = 'vmnet'


class VmnetSharedIsolated(Rules, NetCase):
	"""vmnet, shared, isolated"""
	network = 'vmnet'
	isolated = True


class VmnetSharedOffloads(Rules, NetCase):
	"""vmnet, shared, with offloads"""
	network = 'vmnet'

	@classmethod
	def options(cls, number):
		return [*super().options(number), '--offloads', 'on']
