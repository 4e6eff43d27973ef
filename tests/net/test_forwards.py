# SPDX-License-Identifier: BSD-3-Clause
"""Port forwards: the outside and the host reach a guest where `--forward` says so, and the guest sees who it is."""

import os
import socket

import net_fixture as net
from net_fixture import HOST4, HOST6, NEAR4, NEAR6, PORT, NetCase, Question

setUpModule = net.become_host

MAC = '52:54:00:aa:00:01'
ADDRESS = '10.77.1.50'
ADDRESS6 = 'fd00:77:1:0:5054:ff:feaa:1'	# which the guest makes of its MAC


class EveryAddressRules:
	"""What forwards from all of the host's addresses do; serve() is the class's."""

	def seen(self, source, protocol, address, port):
		"""Reach the guest there: the address that it sees."""
		return self.assert_reach([Question(source, protocol, address, port)])[0]

	def test_tcp_and_udp_from_every_address_of_the_host(self):
		self.serve(f'tcp:8080-{ADDRESS}:{PORT}', f'udp:8053-{ADDRESS}:{PORT}')
		self.assertEqual(self.seen(net.outside, 'tcp', HOST4, 8080), NEAR4)
		self.assertEqual(self.seen(net.outside, 'udp', HOST4, 8053), NEAR4)

	def test_tcp_and_udp_by_ipv6(self):
		self.serve(f'tcp:8080-[{ADDRESS6}]:{PORT}', f'udp:8053-[{ADDRESS6}]:{PORT}')
		self.assertEqual(self.seen(net.outside, 'tcp', HOST6, 8080), NEAR6)
		self.assertEqual(self.seen(net.outside, 'udp', HOST6, 8053), NEAR6)

	def test_ports_that_are_not_forwarded_stay_closed(self):
		self.serve(f'tcp:8080-{ADDRESS}:{PORT}')
		self.assert_reach([Question(net.outside, 'tcp', HOST4, 8080)],
				  closed=[Question(net.outside, 'tcp', HOST4, 8081), Question(net.outside, 'udp', HOST4, 8080),
					  Question(net.outside, 'tcp', ADDRESS), Question(net.outside, 'udp', ADDRESS)])

	def test_an_isolated_guest(self):
		self.serve(f'tcp:8080-{ADDRESS}:{PORT}', options=['--isolated'])
		self.assertEqual(self.seen(net.outside, 'tcp', HOST4, 8080), NEAR4)


class Rules(EveryAddressRules):
	def serve(self, *forwards, mode='shared', options=()):
		"""A network with these forwards; its guest has ADDRESS by reservation, and ADDRESS6."""
		words = [word for forward in forwards for word in ('--forward', forward)]
		prefix = ['--nat66-prefix', 'fd00:77:1::'] if mode == 'shared' else []
		network = self.start(mode, *net.subnet(1), *prefix, '--reserve', f'{MAC}={ADDRESS},name=web', *words,
				     *options, test=self)
		guest = self.guest(network, 'web', mac=MAC, test=self)
		self.assertEqual(guest.address, ADDRESS)
		if mode == 'shared':
			self.assertEqual(guest.address6, ADDRESS6)
		return guest

	def test_from_all_ipv6_addresses_is_from_the_loopback_s_too(self):
		guest = self.serve(f'tcp:[::]:8080-[{ADDRESS6}]:{PORT}', f'udp:[::]:8053-[{ADDRESS6}]:{PORT}')
		for protocol, port in ('tcp', 8080), ('udp', 8053):
			self.assertEqual(self.seen(net.host, protocol, '::1', port), guest.gateway6)
			self.assertEqual(self.seen(net.outside, protocol, HOST6, port), NEAR6)

	def test_from_one_address_is_not_from_others(self):
		self.serve(f'tcp:127.0.0.1:8080-{ADDRESS}:{PORT}')
		self.assert_reach([Question(net.host, 'tcp', '127.0.0.1', 8080)],
				  closed=[Question(net.host, 'tcp', HOST4, 8080), Question(net.outside, 'tcp', HOST4, 8080)])

	def test_the_host_itself_is_seen_as_the_gateway(self):
		self.serve(f'tcp:8080-{ADDRESS}:{PORT}')
		self.assertEqual(self.seen(net.host, 'tcp', '127.0.0.1', 8080), net.gateway(1))

	def test_a_unix_socket_on_the_host(self):
		path = os.path.join(self.tmp, 'web')
		self.serve(f'tcp:[{path}]-{ADDRESS}:{PORT}')
		with socket.socket(socket.AF_UNIX) as client:
			client.settimeout(30)
			client.connect(path)
			self.assertEqual(client.recv(100).decode(), net.gateway(1))

	def test_a_unix_socket_on_the_host_leads_to_a_guest_s_ipv6_address(self):
		path = os.path.join(self.tmp, 'web6')
		guest = self.serve(f'tcp:[{path}]-[{ADDRESS6}]:{PORT}')
		with socket.socket(socket.AF_UNIX) as client:
			client.settimeout(30)
			client.connect(path)
			self.assertEqual(client.recv(100).decode(), guest.gateway6)

	def test_the_host_s_ipv6_loopback(self):
		guest = self.serve(f'tcp:[::1]:8080-[{ADDRESS6}]:{PORT}', f'udp:[::1]:8053-[{ADDRESS6}]:{PORT}')
		for protocol, port in ('tcp', 8080), ('udp', 8053):
			self.assertEqual(self.seen(net.host, protocol, '::1', port), guest.gateway6)
		self.assert_reach(closed=[Question(net.outside, 'tcp', HOST6, 8080), Question(net.outside, 'udp', HOST6, 8053)])

	def test_guests_by_name_and_by_mac(self):
		self.serve(f'tcp:8080-web:{PORT}', f'tcp:8081-[{MAC}]:{PORT}')
		for port in 8080, 8081:
			self.assertEqual(self.seen(net.outside, 'tcp', HOST4, port), NEAR4)

	def test_a_guest_that_comes_later(self):
		network = self.start('shared', *net.subnet(1), '--forward', f'tcp:8080-late:{PORT}', test=self)
		self.assert_reach(closed=[Question(net.outside, 'tcp', HOST4, 8080)])
		self.guest(network, 'late', dhcp=False, test=self).dhcp('late')
		net.until('the forward is there', lambda: self.seen_at_once(HOST4, 8080))

	def seen_at_once(self, address, port):
		return net.ask([Question(net.outside, 'tcp', address, port)], 0)[0]


class User(Rules, NetCase):
	"""user"""

	def test_the_host_is_let_into_a_host_network(self):
		self.serve(f'tcp:127.0.0.1:8080-{ADDRESS}:{PORT}', mode='host')
		self.assertEqual(self.seen(net.host, 'tcp', '127.0.0.1', 8080), net.gateway(1))


class Kernel(Rules, NetCase):
	"""kernel"""
	network = 'kernel'


class Vmnet(EveryAddressRules, NetCase):
	"""vmnet"""
	network = 'vmnet'

	def serve(self, *forwards, options=()):
		"""Nothing is known of vmnet's leases: the guest takes its address by itself."""
		words = [word for forward in forwards for word in ('--forward', forward)]
		network = self.start('shared', *net.subnet(1), '--nat66-prefix', 'fd00:77:1::', *words, *options, test=self)
		guest = self.guest(network, 'web', mac=MAC, dhcp=False, test=self)
		guest.use(ADDRESS, 24, net.gateway(1))
		self.assertEqual(guest.address6, ADDRESS6)
		return guest

	def test_one_address_of_the_host_is_refused(self):
		with self.assertRaises(net.harness.Failure) as refused:
			self.serve(f'tcp:127.0.0.1:8080-{ADDRESS}:{PORT}')
		self.assertIn('vmnet forwards from all addresses of the host', str(refused.exception))

	def test_guests_by_name_and_by_mac_of_a_reservation(self):
		network = self.start('shared', '--start-address', '10.77.1.1', '--end-address', '10.77.1.254',
				     '--subnet-mask', '255.255.255.0', '--reserve', f'{MAC}={ADDRESS},name=web',
				     '--forward', f'tcp:8080-web:{PORT}', '--forward', f'tcp:8081-[{MAC}]:{PORT}', test=self)
		guest = self.guest(network, 'web', mac=MAC, test=self)
		self.assertEqual(guest.address, ADDRESS)
		for port in 8080, 8081:
			self.assertEqual(self.seen(net.outside, 'tcp', HOST4, port), NEAR4)
