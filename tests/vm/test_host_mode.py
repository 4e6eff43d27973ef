# SPDX-License-Identifier: BSD-3-Clause
"""In `outrigger net host` guests reach each other and the host, and nothing else.

	   a: stock QEMU, stock Linux          b: the same
	   eth0                                eth0
	     | vfio-user                         |
	+----+---- outrigger net host -----------+----+
	| 192.168.128.0/24, .1 is the host            |
	+----+----------------------------------------+
	     | sockets
	+----+----------------------------------------------------------------+
	| this host: what it offers at all addresses, at the gateway's        |
	| outside: 203.0.113.1, 2001:db8::1, reached from here, not from there |
	+----------------------------------------------------------------------+

That the same addresses are reached through a shared network is test_shared's to show.
"""

import ipaddress
import socket
import unittest

import harness
import sandbox
import traffic
from traffic import MIB

GATEWAY = '192.168.128.1'


def setUpModule():
	global a, a_lease, b, b_lease
	traffic.needs_guests()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	net = unittest.enterModuleContext(traffic.Network('host', tmp, ['a', 'b']))
	a, b = traffic.boot({'vfio_user': [net.paths['a']]}, {'vfio_user': [net.paths['b']]})
	a_lease, b_lease = traffic.lease(a), traffic.lease(b)


def reaches(address, port):
	"""Is there a server, as seen from here?"""
	with socket.create_connection((address, port), timeout=10):
		return True


class Inside(unittest.TestCase):
	def test_an_address_in_the_default_range_is_leased(self):
		for lease in a_lease, b_lease:
			address = ipaddress.ip_interface(lease['address'])
			self.assertEqual(str(address.network), '192.168.128.0/24')
			self.assertGreater(address.ip, traffic.ip(GATEWAY))
			self.assertLessEqual(address.ip, traffic.ip('192.168.128.254'))
		self.assertNotEqual(a_lease['address'], b_lease['address'])

	def test_no_way_out_is_leased(self):
		self.assertNotIn('gateway', a_lease)

	def test_the_name_server_knows_the_gateway_and_refuses_all_else(self):
		self.assertEqual(a_lease['resolver'], GATEWAY)
		self.assertIn(GATEWAY, a.check(f'nslookup -type=a gateway {GATEWAY}'))
		status, text = a.run(f'nslookup -type=a guest.{sandbox.ZONE} {GATEWAY}')
		self.assertNotEqual(status, 0)
		self.assertIn('REFUSED', text)

	def test_guests_ping_each_other(self):
		self.assertTrue(traffic.pings(a, traffic.ip(b_lease['address'])))
		self.assertTrue(traffic.pings(b, traffic.ip(a_lease['address'])))

	def test_guests_ping_each_other_by_ipv6(self):
		traffic.slaac_address(a)
		self.assertTrue(traffic.pings(a, traffic.ip(traffic.slaac_address(b))))

	def test_gateway_answers_pings(self):
		self.assertTrue(traffic.pings(a, GATEWAY))
		self.assertTrue(traffic.pings(a, traffic.gateway6(traffic.slaac_address(a))))

	def test_gateway_leads_to_the_host(self):
		with harness.WebServer() as web:
			self.assertEqual(traffic.download_sha256(a, web.url(GATEWAY, MIB)), web.sha256(MIB))

	def test_gateway_leads_to_the_host_by_ipv6(self):
		gateway = traffic.gateway6(traffic.slaac_address(a))
		traffic.needs_sandbox()
		with harness.WebServer('::') as web:
			self.assertEqual(traffic.download_sha256(a, web.url(gateway, MIB)), web.sha256(MIB))


class Outside(unittest.TestCase):
	"""The guest insists: it sets the routes and the resolver that it was not told."""

	@classmethod
	def setUpClass(cls):
		traffic.needs_sandbox()
		gateway6 = traffic.gateway6(traffic.slaac_address(a))
		cls.gateways = {4: GATEWAY, 6: gateway6}
		a.check(f'ip route add default via {GATEWAY}; ip -6 route show default | grep -q default || '
			f'ip -6 route add default via {gateway6} dev eth0')

	@classmethod
	def tearDownClass(cls):
		a.check('ip route del default')

	def check_tcp(self, outside, inside):
		with harness.WebServer(outside) as web:
			self.assertTrue(reaches(outside, web.port))
			self.assertFalse(traffic.fetches(a, web.url(outside, 1), within=5))
		self.assertTrue(traffic.pings(a, inside))

	def test_tcp_does_not_get_out(self):
		self.check_tcp(sandbox.OUTSIDE4, self.gateways[4])

	def test_tcp_does_not_get_out_by_ipv6(self):
		self.check_tcp(sandbox.OUTSIDE6, self.gateways[6])

	def check_udp(self, family, outside, inside):
		"""Datagrams to the outside and then to the host go to one socket: it must see the latter only."""
		with socket.socket(family, socket.SOCK_DGRAM) as sock:
			sock.settimeout(60)
			sock.bind(('', 0))
			port = sock.getsockname()[1]
			for name, address in ('outside', outside), ('inside', inside):
				a.run(f'timeout 3 tftp -g -r {name} -l /dev/null {address} {port}')
			self.assertIn(b'inside', sock.recv(1500))

	def test_udp_does_not_get_out(self):
		self.check_udp(socket.AF_INET, sandbox.OUTSIDE4, self.gateways[4])

	def test_udp_does_not_get_out_by_ipv6(self):
		self.check_udp(socket.AF_INET6, sandbox.OUTSIDE6, self.gateways[6])

	def test_pings_do_not_get_out(self):
		for address in sandbox.OUTSIDE4, sandbox.OUTSIDE6:
			self.assertFalse(traffic.pings(a, address, within=3))

	def test_names_are_not_resolved(self):
		# Where libslirp's name server is, and the host's own resolver.
		prefix = traffic.slaac_address(a)
		servers = ['192.168.128.0', sandbox.OUTSIDE4, str(ipaddress.ip_interface(prefix).network[0])]
		for server in servers:
			status, text = a.run(f'timeout 4 nslookup -type=a guest.{sandbox.ZONE} {server}')
			self.assertNotEqual(status, 0, text)


if __name__ == '__main__':
	unittest.main()
