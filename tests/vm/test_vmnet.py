# SPDX-License-Identifier: BSD-3-Clause
"""Guests on a network of kind vmnet: each port is an interface of libvmnet's, which has started the network.

	   guest: stock QEMU        other: stock QEMU, stock Linux
	   eth0                     eth0
	     | vfio-user              | -netdev stream
	+----+------------------------+------------------+
	| --nic                    --stream              |
	| outrigger net shared --network vmnet           |
	+----+------------------------+------------------+
	     | interface of vmnet     | another
	+----+------------------------+------------------+
	| outrigger net shared, in a registry of its own |
	+----+-------------------------------------------+
	     | sockets
	   this host; outside: 203.0.113.1
"""

import ipaddress
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'net'))

import harness
import net_fixture
import sandbox
import traffic
from traffic import MIB

CARRIER = '/sys/class/net/eth0/carrier'


def setUpModule():
	global control, guests, leases
	traffic.needs_guests()
	traffic.needs_sandbox()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	net_fixture.use_vmnet(os.path.join(tmp, 'vmnet'))
	control, stream = os.path.join(tmp, 'control'), os.path.join(tmp, 'stream')
	net = unittest.enterModuleContext(traffic.Network('shared', tmp, ['nic'], '--network', 'vmnet',
							  '--stream', stream, '--control', control))
	guests = traffic.boot({'vfio_user': [net.paths['nic']]}, {'stream': [stream]})
	leases = [traffic.lease(guest) for guest in guests]


def ctl(*arguments):
	subprocess.run([harness.OUTRIGGER, 'ctl', control, *arguments], timeout=60, check=True)


def ip(number):
	return str(traffic.ip(leases[number]['address']))


class Lease(unittest.TestCase):
	def test_both_have_addresses_of_one_subnet_with_its_gateway_and_resolver(self):
		a, b = leases
		self.assertNotEqual(a['address'], b['address'])
		self.assertEqual(ipaddress.ip_interface(a['address']).network,
				 ipaddress.ip_interface(b['address']).network)
		for each in leases:
			self.assertIn(ipaddress.ip_address(each['gateway']),
				      ipaddress.ip_interface(each['address']).network)
			self.assertEqual(each['resolver'], each['gateway'])


class Reach(unittest.TestCase):
	"""From the NIC and from the stream port"""

	def test_the_gateway(self):
		for guest, lease in zip(guests, leases):
			self.assertTrue(traffic.pings(guest, lease['gateway']))

	def test_each_other_in_packets_of_the_mtu_and_of_several_fragments(self):
		for guest, to in (guests[0], ip(1)), (guests[1], ip(0)):
			for size in 56, 1472, 20000:
				with self.subTest(to=to, size=size):
					self.assertTrue(traffic.pings(guest, to, size))

	def test_files_arrive_intact_from_the_host_and_from_the_outside(self):
		with harness.WebServer() as web:
			for guest, lease in zip(guests, leases):
				for address in lease['gateway'], sandbox.OUTSIDE4:
					with self.subTest(address):
						self.assertEqual(traffic.download_sha256(guest, web.url(address, 4 * MIB)),
								 web.sha256(4 * MIB))

	def test_files_arrive_intact_from_guest_to_guest(self):
		with harness.WebServer() as web:
			for by, to, address in (guests[0], guests[1], ip(1)), (guests[1], guests[0], ip(0)):
				to.check(f'wget -q -T 60 -O /tmp/file {web.url(leases[0]["gateway"], MIB)}; httpd -h /tmp -p 8000')
				self.assertEqual(traffic.download_sha256(by, f'http://{address}:8000/file'), web.sha256(MIB))
				to.run('killall httpd')

	def test_names_of_the_outside(self):
		for guest, lease in zip(guests, leases):
			self.assertIn(sandbox.OUTSIDE4, guest.check(f'nslookup -type=a guest.{sandbox.ZONE} {lease["gateway"]}'))


class Link(unittest.TestCase):
	def test_link_set_down_and_up_is_seen_as_carrier_and_by_nobody_else(self):
		self.addCleanup(ctl, 'link', 'nic', 'up')
		ctl('link', 'nic', 'down')
		traffic.until(guests[0], f'grep -qx 0 {CARRIER}')
		self.assertFalse(traffic.pings(guests[1], ip(0), within=2))
		self.assertTrue(traffic.pings(guests[1], leases[1]['gateway']))
		ctl('link', 'nic', 'up')
		traffic.until(guests[0], f'grep -qx 1 {CARRIER}')
		self.assertTrue(traffic.pings(guests[0], leases[0]['gateway']))
		self.assertTrue(traffic.pings(guests[1], ip(0)))

	def test_a_stream_guest_behind_a_link_that_is_down_reaches_nobody(self):
		self.addCleanup(ctl, 'link', 'stream', 'up')
		ctl('link', 'stream', 'down')
		self.assertFalse(traffic.pings(guests[1], leases[1]['gateway'], within=2))
		self.assertTrue(traffic.pings(guests[0], leases[0]['gateway']))
		ctl('link', 'stream', 'up')
		self.assertTrue(traffic.pings(guests[1], leases[1]['gateway']))


if __name__ == '__main__':
	unittest.main()
