# SPDX-License-Identifier: BSD-3-Clause
"""A NIC on kernel networks: stock QEMU, stock Linux, and the bridges, nftables and dnsmasq of a host
that is made for the test (tests/net/net_fixture.py draws it, with the outside).

	   guest: stock QEMU                                  other: stock QEMU
	   eth0            eth1            eth2               eth0
	     | vfio-user     | vfio-user     | vfio-user        | -netdev stream
	     | nic           | nic           | nic              |
	+----+-------+ +-----+-------+ +-----+------+  +--------+--+
	| shared,    | | host,       | | shared,    |  | shared,   |
	| kernel     | | kernel      | | user       |  | kernel    |
	| 10.77.1.0  | | 10.77.2.0   | | 10.77.3.0  |  | 10.77.1.0 |
	+----+-------+ +-----+-------+ +-----+------+  +-----------+
	     | rig0, TAPs    | rig1, TAPs    | sockets
	+----+---------------+---------------+------+
	| the host                                  +--- up0 --- outside, 203.0.113.1
	+-------------------------------------------+
"""

import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'net'))

import harness
import net_fixture
import sandbox
import traffic
from net_fixture import FAR4, FAR6, HOST4, PORT, gateway, subnet
from traffic import MIB

SHARED, HOST, USER = 1, 2, 3	# numbers of subnets
CARRIER = '/sys/class/net/eth0/carrier'


def setUpModule():
	global control, shared, guest, other, leases
	traffic.needs_guests()
	traffic.needs_sandbox()
	for tool in 'nft', 'dnsmasq':
		if not shutil.which(tool):
			raise unittest.SkipTest(f'kernel networks need {tool}')
	net_fixture.become_host()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	control, stream = os.path.join(tmp, 'control'), os.path.join(tmp, 'stream')
	shared = network('shared', tmp, 'kernel', SHARED, '--stream', stream, '--control', control)
	nics = [each.paths['nic'] for each in (shared, network('host', os.path.join(tmp, 'host'), 'kernel', HOST),
					       network('shared', os.path.join(tmp, 'user'), 'user', USER))]
	guest, other = traffic.boot({'vfio_user': nics}, {'stream': [stream]})
	for interface in 'eth1', 'eth2':	# of several routers that advertise, any may be asked
		guest.check(f'echo 1 > /proc/sys/net/ipv6/conf/{interface}/disable_ipv6')
	leases = {number: traffic.lease(guest, f'eth{number - SHARED}') for number in (HOST, USER, SHARED)}
	guest.check(f'ip route del default; ip route add default via {gateway(SHARED)}')
	guest.ip, other.ip = str(traffic.ip(leases[SHARED]['address'])), traffic.lease_ip(other)


def network(mode, folder, kind, number, *options):
	os.makedirs(folder, exist_ok=True)
	return unittest.enterModuleContext(traffic.Network(mode, folder, ['nic'], '--network', kind,
							   *subnet(number), *options))


def ctl(*arguments):
	done = subprocess.run([harness.OUTRIGGER, 'ctl', '--json', control, *arguments],
			      stdout=subprocess.PIPE, text=True, timeout=60, check=True)
	return json.loads(done.stdout) if done.stdout else None


def seen_by(address, port=PORT, source=''):
	"""Under which address a server sees the guest."""
	return guest.check(f'timeout 20 nc {source} {address} {port} < /dev/null').strip()


class Lease(unittest.TestCase):
	def test_shared_network_leases_an_address_a_way_out_and_a_resolver(self):
		lease = leases[SHARED]
		self.assertTrue(lease['address'].startswith('10.77.1.'), lease)
		self.assertEqual((lease['gateway'], lease['resolver']), (gateway(SHARED), gateway(SHARED)))
		self.assertIn(guest.ip, [each['address'] for each in ctl('leases')['leases']])

	def test_router_advertisement_brings_an_ipv6_address(self):
		self.assertTrue(traffic.slaac_address(guest).startswith('fd'))


class Reach(unittest.TestCase):
	def test_the_gateway(self):
		self.assertTrue(traffic.pings(guest, gateway(SHARED)))
		self.assertEqual(seen_by(gateway(SHARED)), guest.ip)

	def test_the_outside_as_the_host(self):
		self.assertTrue(traffic.pings(guest, FAR4))
		self.assertEqual(seen_by(FAR4), HOST4)

	def test_the_outside_by_ipv6(self):
		traffic.slaac_address(guest)
		self.assertTrue(traffic.pings(guest, FAR6))

	def test_names_of_the_outside(self):
		self.assertIn(FAR4, guest.check(f'nslookup -type=a guest.{sandbox.ZONE} {gateway(SHARED)}'))

	def test_a_guest_at_a_stream_port_and_back(self):
		self.assertTrue(traffic.pings(guest, other.ip))
		self.assertTrue(traffic.pings(other, guest.ip))

	def test_files_arrive_intact_from_the_host_and_from_the_outside(self):
		with net_fixture.outside:
			outside = harness.WebServer()
		with harness.WebServer() as web, outside:
			for server, address in (web, gateway(SHARED)), (outside, FAR4):
				with self.subTest(address):
					self.assertEqual(traffic.download_sha256(guest, server.url(address, 4 * MIB)),
							 server.sha256(4 * MIB))

	def test_files_arrive_intact_from_guest_to_guest(self):
		with harness.WebServer() as web:
			for to, by in (guest, other), (other, guest):
				to.check(f'wget -q -T 60 -O /tmp/file {web.url(gateway(SHARED), MIB)}; httpd -h /tmp -p 8000')
				self.assertEqual(traffic.download_sha256(by, f'http://{to.ip}:8000/file'), web.sha256(MIB))
				to.run('killall httpd')


class Beside(unittest.TestCase):
	"""Other networks beside"""

	def test_each_network_leases_from_its_own_range(self):
		for number in HOST, USER:
			self.assertTrue(leases[number]['address'].startswith(f'10.77.{number}.'), leases)
		self.assertNotIn('gateway', leases[HOST])

	def test_each_gateway_is_reached_on_its_own_network(self):
		for number in HOST, USER:
			self.assertTrue(traffic.pings(guest, gateway(number)))

	def test_a_host_network_has_no_way_out_while_its_neighbours_have(self):
		self.addCleanup(guest.run, f'ip route del {FAR4}')
		guest.check(f'ip route add {FAR4} via {gateway(HOST)}')
		self.assertFalse(traffic.pings(guest, FAR4, within=2))
		guest.check(f'ip route replace {FAR4} via {gateway(USER)}')
		self.assertEqual(seen_by(FAR4), HOST4)

	def test_guests_of_one_kernel_network_do_not_reach_another(self):
		address = str(traffic.ip(leases[HOST]['address']))
		self.assertTrue(traffic.pings(other, guest.ip))
		self.assertFalse(traffic.pings(other, address, within=2))


class Link(unittest.TestCase):
	def until_carrier(self, value):
		traffic.until(guest, f'grep -qx {value} {CARRIER}')

	def test_link_set_down_and_up_is_seen_as_carrier_and_by_nobody_else(self):
		self.addCleanup(ctl, 'link', 'nic', 'up')
		ctl('link', 'nic', 'down')
		self.until_carrier(0)
		self.assertFalse(traffic.pings(other, guest.ip, within=2))
		self.assertTrue(traffic.pings(other, gateway(SHARED)))
		self.assertEqual(guest.check('cat /sys/class/net/eth1/carrier'), '1\n')
		ctl('link', 'nic', 'up')
		self.until_carrier(1)
		self.assertTrue(traffic.pings(guest, gateway(SHARED)))
		self.assertTrue(traffic.pings(other, guest.ip))


if __name__ == '__main__':
	unittest.main()
