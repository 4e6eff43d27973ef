# SPDX-License-Identifier: BSD-3-Clause
"""What a network does by itself and can be told not to do: NAT, DNS, router advertisements, choosing the way out."""

import select
import socket
import time

import net_fixture as net
import reach
import servers
from net_fixture import HOST4, HOST6, OUTSIDE, NetCase, questions

setUpModule = net.become_host
OUT4, OUT6 = OUTSIDE[0:3:2], OUTSIDE[1:4:2]


class Rules:
	def serve(self, *options):
		network = self.start('shared', *net.subnet(1), '--nat66-prefix', 'fd00:77:1::', *options, test=self)
		guest = self.guest(network, 'a', test=self)
		return guest, [net.gateway(1), guest.gateway6]

	def test_the_way_out_is_the_uplink(self):
		guest, gateways = self.serve('--uplink', 'up0')
		answers = self.assert_reach(questions(guest, OUTSIDE, ['tcp']) + questions(guest, OUTSIDE, ['udp']) +
					    questions(guest, gateways, ['tcp', 'udp']))
		self.assertEqual(answers[:8], [HOST4, HOST6] * 4)

	def test_what_the_routes_send_elsewhere_stays(self):
		net.host.ip('link add down0 type veth peer name down1', 'link set down0 up')
		self.addCleanup(net.host.ip, 'link del down0')
		guest, gateways = self.serve('--uplink', 'down0')
		self.assert_reach(questions(guest, gateways, ['tcp', 'udp']), closed=questions(guest, OUTSIDE))

	def test_an_uplink_that_is_not_there_is_refused(self):
		with self.assertRaisesRegex(net.harness.Failure, '--uplink no0: the host has no such interface'):
			self.start('shared', *net.subnet(1), '--uplink', 'no0', test=self)

	def test_without_router_advertisements_there_is_no_ipv6_for_guests(self):
		network = self.start('shared', *net.subnet(1), '--router-advertisement', 'off', test=self)
		other = self.start('shared', *net.subnet(2), name='other', test=self)
		guest, told = self.guest(network, 'a', test=self), self.guest(other, 'b', test=self)
		told.address6	# in that time the first would have one, too
		self.assertEqual([local for _, local in guest.addresses6('eth0') if not local], [])
		self.assert_reach(questions(guest, OUT4, ['tcp']))

	def test_without_the_dns_proxy_no_name_server_is_told_of_nor_there(self):
		guest, (gateway, gateway6) = self.serve('--dns-proxy', 'off')
		self.assertEqual(guest.lease['dns'], [])
		for server in gateway, gateway6:
			self.assertIsNone(guest.resolve(f'guest.{net.sandbox.ZONE}', server, timeout=1))
		self.assert_reach(questions(guest, OUTSIDE + [gateway], ['tcp']))

	def test_name_servers_that_are_given_are_told_of_without_the_dns_proxy(self):
		guest, _ = self.serve('--dns-proxy', 'off', '--dns', net.FAR4)
		self.assertEqual(guest.lease['dns'], [net.FAR4])
		self.assertEqual(guest.resolve(f'guest.{net.sandbox.ZONE}'), net.FAR4)


def is_answered(sock, address, seconds):
	"""Ask by a datagram socket until somebody at that address answers."""
	end = time.monotonic() + seconds
	while time.monotonic() < end:
		sock.sendto(b'question', (address, servers.PORT))
		while select.select([sock], [], [], reach.AGAIN)[0]:
			if sock.recvfrom(2048)[1][0] == address:
				return True
	return False


class UserFeatures(Rules, NetCase):
	"""user"""

	def add_interface(self, name):
		net.host.ip(f'link add {name} type veth peer name {name}p', f'link set {name} up')
		self.addCleanup(net.host.ip, f'link del {name}', check=False)

	def sockets(self, guest, gateways):
		"""By which each gateway has been asked."""
		for gateway in gateways:
			with guest:
				sock = socket.socket(socket.AF_INET6 if ':' in gateway else socket.AF_INET, socket.SOCK_DGRAM)
			self.addCleanup(sock.close)
			self.assertTrue(is_answered(sock, gateway, reach.TIMEOUT), gateway)
			yield sock

	def test_a_port_that_spoke_to_the_host_leaves_by_the_uplink(self):
		guest, gateways = self.serve('--uplink', 'up0')
		for sock, far in zip(self.sockets(guest, gateways), OUTSIDE):
			self.assertTrue(is_answered(sock, far, reach.TIMEOUT), far)

	def test_a_port_that_spoke_to_the_host_has_no_other_way_out(self):
		self.add_interface('away0')
		guest, gateways = self.serve('--uplink', 'away0')
		for sock, far in zip(self.sockets(guest, gateways), OUTSIDE):
			self.assertFalse(is_answered(sock, far, reach.QUIET), far)

	def test_where_the_uplink_is_gone_there_is_no_way_out(self):
		self.add_interface('away1')
		guest, gateways = self.serve('--uplink', 'away1')
		used = list(self.sockets(guest, gateways))
		net.host.ip('link del away1')
		for sock, far in zip(used, OUTSIDE):
			self.assertFalse(is_answered(sock, far, reach.QUIET), far)
		self.assert_reach(questions(guest, gateways, ['tcp', 'udp']), closed=questions(guest, OUTSIDE))

	def test_without_nat44_there_is_no_way_out_by_ipv4(self):
		guest, gateways = self.serve('--nat44', 'off')
		self.assert_reach(questions(guest, OUT6, ['tcp', 'udp']) + questions(guest, gateways),
				  closed=questions(guest, OUT4))

	def test_without_nat66_there_is_no_way_out_by_ipv6(self):
		guest, gateways = self.serve('--nat66', 'off')
		self.assert_reach(questions(guest, OUT4) + questions(guest, gateways), closed=questions(guest, OUT6))


class KernelFeatures(Rules, NetCase):
	"""kernel"""
	network = 'kernel'

	def test_without_nat44_guests_leave_with_their_own_addresses(self):
		guest, _ = self.serve('--nat44', 'off')
		answers = self.assert_reach(questions(guest, [*OUT4, *OUT6], ['tcp']))
		self.assertEqual(answers, [guest.address] * 2 + [HOST6] * 2)

	def test_without_nat66_guests_leave_with_their_own_addresses(self):
		guest, _ = self.serve('--nat66', 'off')
		answers = self.assert_reach(questions(guest, [*OUT4, *OUT6], ['tcp']))
		self.assertEqual(answers, [HOST4] * 2 + [guest.address6] * 2)


class UserHostAddress(NetCase):
	"""user"""

	def test_the_host_is_in_a_named_network_by_the_addresses_that_it_was_given(self):
		network = self.start('host', '--net-uuid', '2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b', *net.subnet(1),
				     '--host-ipv6', 'fd00:77:1::5', test=self)
		guest = self.guest(network, 'a', dhcp=False, test=self)
		guest.use('10.77.1.9')
		self.assertTrue(guest.address6.startswith('fd00:77:1:'))
		self.assert_reach(questions(guest, [net.gateway(1), 'fd00:77:1::5'], ['tcp', 'udp', 'icmp']))
