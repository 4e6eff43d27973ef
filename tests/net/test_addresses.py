# SPDX-License-Identifier: BSD-3-Clause
"""Addresses and names in networks with DHCP: who gets which, for how long, and under which name others find it."""

import ipaddress
import os

import net_fixture as net
from net_fixture import FAR4, FAR6, NetCase, questions, sandbox

setUpModule = net.become_host

MAC = '52:54:00:aa:00:01'
OTHER_MAC = '52:54:00:aa:00:02'
PREFIX = ['--nat66-prefix', 'fd00:77:1::']


class Rules:
	def test_addresses_are_of_the_range_and_each_is_given_once(self):
		network = self.start('shared', '--start-address', '10.77.1.1', '--end-address', '10.77.1.4',
				     '--subnet-mask', '255.255.255.0', test=self)
		guests = [self.guest(network, str(number), test=self) for number in range(3)]
		self.assertEqual({guest.address for guest in guests}, {'10.77.1.2', '10.77.1.3', '10.77.1.4'})
		late = self.guest(network, 'late', dhcp=False, test=self)
		self.assertIsNone(late.dhcp(timeout=2))
		self.assert_reach(questions(guests[0], [guests[2].address]))

	def test_what_is_told_of_the_network(self):
		network = self.start('shared', *net.subnet(1), '--mtu', '1400', '--domain', 'guests.test',
				     '--lease-time', '600', test=self)
		lease = self.guest(network, 'a', test=self).lease
		del lease['address']
		self.assertEqual(lease, {'prefix_len': 24, 'router': ['10.77.1.1'], 'dns': ['10.77.1.1'], 'mtu': 1400,
					 'domain': 'guests.test', 'seconds': 600, 'server': '10.77.1.1'})

	def test_a_guest_that_asks_again_gets_the_address_that_it_has(self):
		network = self.start('shared', *net.subnet(1), test=self)
		guest = self.guest(network, 'a', test=self)
		first = guest.address
		self.guest(network, 'b', test=self)
		guest.disconnect()
		guest.connect()
		self.assertEqual(guest.dhcp()['address'], first)

	def test_a_reserved_address_goes_to_its_guest_and_to_nobody_else(self):
		network = self.start('shared', '--start-address', '10.77.1.1', '--end-address', '10.77.1.3',
				     '--subnet-mask', '255.255.255.0', '--reserve', f'{MAC}=10.77.1.3', test=self)
		self.assertEqual(self.guest(network, 'any', test=self).address, '10.77.1.2')
		other = self.guest(network, 'other', dhcp=False, test=self)
		self.assertIsNone(other.dhcp(wanted='10.77.1.3', timeout=2))
		self.assertEqual(self.guest(network, 'its', mac=MAC, test=self).address, '10.77.1.3')

	def test_a_reserved_address_may_be_one_that_dhcp_does_not_give(self):
		network = self.start('shared', '--start-address', '10.77.1.9', '--end-address', '10.77.1.20',
				     '--subnet-mask', '255.255.255.0', '--reserve', f'{MAC}=10.77.1.200',
				     '--reserve', f'{OTHER_MAC}=10.77.1.2', test=self)
		low = self.guest(network, 'low', mac=OTHER_MAC, test=self)
		high = self.guest(network, 'high', mac=MAC, test=self)
		self.assertEqual((low.address, high.address), ('10.77.1.2', '10.77.1.200'))
		self.assert_reach(questions([low, high], ['10.77.1.9']) + questions(low, [high.address]))

	def test_leases_are_kept_over_a_restart_with_a_state_directory(self):
		state = os.path.join(self.tmp, self.network)
		os.mkdir(state)
		before = {}
		for macs in (MAC, OTHER_MAC), (OTHER_MAC, MAC):
			with self.start_alone('shared', *net.subnet(1), '--state-dir', state) as network:
				for mac in macs:
					guest = self.guest(network, mac, mac=mac, test=self)
					self.assertEqual(before.setdefault(mac, guest.address), guest.address)
					guest.disconnect()
		self.assertEqual(len(set(before.values())), 2)

	def test_leases_and_the_prefix_survive_a_kill(self):
		state = os.path.join(self.tmp, self.network + '-kill')
		os.mkdir(state)
		with self.start_alone('shared', '--state-dir', state) as network:
			self.guest(network, 'first', test=self)
			guest = self.guest(network, 'a', mac=MAC, test=self)
			had = guest.address, guest.address6
			net.until('the lease is on disk', lambda: MAC in contents(state))
			network.kill()
			guest.disconnect()
		with self.start_alone('shared', '--state-dir', state) as network:
			again = self.guest(network, 'a', mac=MAC, test=self)
			self.assertEqual((again.address, again.address6), had)

	def test_guests_find_each_other_by_name(self):
		network = self.start('shared', *net.subnet(1), test=self)
		a, b = self.guest(network, 'a', dhcp=False, test=self), self.guest(network, 'b', dhcp=False, test=self)
		a.dhcp('Alpha')
		b.dhcp('beta')
		self.assertEqual((a.resolve('beta'), b.resolve('alpha')), (b.address, a.address))

	def test_a_reserved_name_is_known_before_its_guest_is_there(self):
		network = self.start('shared', *net.subnet(1), '--reserve', f'{MAC}=10.77.1.50,name=printer', test=self)
		self.assertEqual(self.guest(network, 'a', test=self).resolve('printer'), '10.77.1.50')

	def test_all_other_names_are_the_hosts_resolvers(self):
		network = self.start('shared', *net.subnet(1), *PREFIX, test=self)
		guest = self.guest(network, 'a', test=self)
		for server in guest.lease['dns'][0], guest.gateway6:
			self.assertEqual(guest.resolve(f'guest.{sandbox.ZONE}', server), FAR4)
			self.assertEqual(guest.resolve(f'guest.{sandbox.ZONE}', server, six=True), FAR6)
		self.assertIsNone(guest.resolve('nobody.example'))

	def test_a_host_networks_name_server_knows_its_guests_only(self):
		network = self.start('host', *net.subnet(1), test=self)
		guest = self.guest(network, 'a', dhcp=False, test=self)
		guest.dhcp('alpha')
		self.assertEqual(guest.resolve('alpha'), guest.address)
		self.assertIsNone(guest.resolve(f'guest.{sandbox.ZONE}'))

	def test_ipv6_addresses_are_made_from_the_given_prefix(self):
		network = self.start('shared', *net.subnet(1), *PREFIX, test=self)
		guest = self.guest(network, 'a', test=self)
		self.assertIn(ipaddress.ip_address(guest.address6), ipaddress.ip_network('fd00:77:1::/64'))

	def test_without_dhcp_a_guest_is_served_at_an_address_of_its_own(self):
		network = self.start('shared', *net.subnet(1), '--dhcp', 'off', test=self)
		guest = self.guest(network, 'a', dhcp=False, test=self)
		self.assertIsNone(guest.dhcp(timeout=1))
		guest.use('10.77.1.200', router='10.77.1.1')
		self.assert_reach(questions(guest, ['10.77.1.1', FAR4]))


def contents(folder):
	"""Of all files there."""
	text = ''
	for name in os.listdir(folder):
		try:
			with open(os.path.join(folder, name)) as file:
				text += file.read()
		except FileNotFoundError:
			pass	# just renamed
	return text


class User(Rules, NetCase):
	"""user"""

	def test_a_guest_is_found_at_the_ipv6_address_that_it_makes_of_its_mac(self):
		network = self.start('shared', *net.subnet(1), *PREFIX, test=self)
		guests = [self.guest(network, name, dhcp=False, test=self) for name in ('alpha', 'beta')]
		for guest, mode in zip(guests, (0, 3)):	# of its MAC; random
			guest.sysctl('ipv6/conf/eth0/addr_gen_mode', mode)
			guest.ip('link set eth0 down', f'link set eth0 address {guest.mac}', 'link set eth0 up')
			guest.address6	# is there
			guest.dhcp(guest.name)
			self.assert_reach(questions(guest, [guest.gateway6], ['tcp']))	# so it was heard from
		self.assertEqual(guests[1].resolve('alpha', six=True), guests[0].address6)
		self.assertIsNone(guests[0].resolve('beta', six=True))	# it makes its address up
		self.assertEqual(guests[0].resolve('beta'), guests[1].address)


class Kernel(Rules, NetCase):
	"""kernel"""
	network = 'kernel'
