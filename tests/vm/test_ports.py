# SPDX-License-Identifier: BSD-3-Clause
"""Three kinds of port on one network: stock QEMU reaches it by vfio-user, by -netdev stream and by
-netdev dgram, and the guests reach each other, the gateway and the host.

	   nic                 stream               dgram: each stock QEMU, stock Linux
	   eth0                eth0                 eth0
	     | vfio-user-pci     | virtio-net-pci     | virtio-net-pci
	     |                   | -netdev stream     | -netdev dgram
	+----+-------------------+--------------------+----+
	| --nic               --stream             --dgram |
	| outrigger net shared, 192.168.64.0/24            |
	+--------------------------------------------------+
"""

import os
import unittest

import harness
import traffic
from traffic import MIB

KINDS = ('nic', 'stream', 'dgram')


def start():
	return traffic.Network('shared', tmp, ['nic'], '--stream', paths['stream'], '--dgram', paths['dgram'])


def setUpModule():
	global tmp, paths, net, guests
	traffic.needs_guests()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	paths = {kind: os.path.join(tmp, kind) for kind in KINDS}
	net = start()
	unittest.addModuleCleanup(lambda: net.__exit__(None, None, None))
	booted = traffic.boot({'vfio_user': [paths['nic']]}, {'stream': [paths['stream']]},
			      {'dgram': [paths['dgram']]})
	guests = dict(zip(KINDS, booted))
	for guest in booted:
		guest.ip = traffic.lease_ip(guest)


def pairs():
	return [(a, b) for a in KINDS for b in KINDS if a != b]


class Mixed(unittest.TestCase):
	def test_each_guest_has_an_address_of_its_own(self):
		self.assertEqual(len({guest.ip for guest in guests.values()}), 3)

	def test_every_guest_pings_every_other(self):
		for a, b in pairs():
			with self.subTest(a=a, b=b):
				self.assertTrue(traffic.pings(guests[a], guests[b].ip))

	def test_every_guest_pings_every_other_by_link_local_ipv6(self):
		addresses = {kind: traffic.link_local(guest) for kind, guest in guests.items()}
		for a, b in pairs():
			with self.subTest(a=a, b=b):
				self.assertTrue(traffic.pings(guests[a], addresses[b] + '%eth0'))

	def test_packets_of_the_mtu_and_of_several_fragments_cross(self):
		for a, b in pairs():
			for size in 1472, 20000:
				with self.subTest(a=a, b=b, size=size):
					self.assertTrue(traffic.pings(guests[a], guests[b].ip, size))

	def test_files_arrive_intact_from_the_host(self):
		with harness.WebServer() as web:
			for kind in 'stream', 'dgram':
				with self.subTest(kind):
					self.assertEqual(
						traffic.download_sha256(guests[kind], web.url('192.168.64.1', 4 * MIB)),
						web.sha256(4 * MIB))

	def test_files_arrive_intact_from_guest_to_guest(self):
		size = 4 * MIB
		with harness.WebServer() as web:
			for a, b in ('stream', 'dgram'), ('dgram', 'nic'), ('nic', 'stream'):
				with self.subTest(a=a, b=b):
					guest = guests[b]
					guest.check(f'wget -q -T 60 -O /tmp/file {web.url("192.168.64.1", size)}',
						    traffic.BULK_TIMEOUT)
					guest.check('httpd -h /tmp -p 8000')
					try:
						self.assertEqual(traffic.download_sha256(
							guests[a], f'http://{guest.ip}:8000/file'), web.sha256(size))
					finally:
						guest.run('killall httpd; rm /tmp/file')


class Restarts(unittest.TestCase):
	"""Run after Mixed: the last of them leaves the NIC's guest without a network."""

	def test_qemu_is_killed_and_started_again_at_the_same_socket(self):
		for kind in 'stream', 'dgram':
			with self.subTest(kind):
				guests[kind].kill()
				guests[kind], = traffic.boot({kind: [paths[kind]]})
				guests[kind].ip = traffic.lease_ip(guests[kind])
				self.assertTrue(traffic.pings(guests[kind], guests['nic'].ip))
				self.assertTrue(traffic.pings(guests['nic'], guests[kind].ip))

	def test_z_outrigger_is_started_again_under_running_guests(self):
		global net
		net.stop()
		self.assertFalse(os.path.exists(paths['stream']) or os.path.exists(paths['dgram']))
		net.__exit__(None, None, None)
		net = start()
		for kind in 'stream', 'dgram':
			traffic.until(guests[kind], 'ping -q -c 1 -W 1 192.168.64.1')
		self.assertTrue(traffic.pings(guests['stream'], guests['dgram'].ip))
		self.assertTrue(traffic.pings(guests['dgram'], guests['stream'].ip))


if __name__ == '__main__':
	unittest.main()
