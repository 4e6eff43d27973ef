# SPDX-License-Identifier: BSD-3-Clause
"""Two guests on one network reach each other; on one that is isolated they reach the way out
only. What happens to one, or to the network, is not the other's problem.

	   a: stock QEMU, stock Linux             b: the same
	   eth0                  eth1             eth0                  eth1
	     | vfio-user           |                | vfio-user           |
	+----+---- outrigger net --|----------------+----+                |
	| shared, 192.168.64.0/24  |                     |                |
	+--------------------------|---------------------+                |
	+--------------------------+------ outrigger net -----------------+---+
	| shared --isolated, 10.78.0.0/24                                     |
	+---------------------------------------------------------------------+

	c: stock QEMU, stock Linux
	   eth0 -- vfio-user -- outrigger net shared, 192.168.64.0/24, that is told to end
"""

import os
import signal
import unittest

import harness
import traffic
from traffic import MIB

ISOLATED = ('--isolated', '--start-address', '10.78.0.1', '--end-address', '10.78.0.99',
	    '--subnet-mask', '255.255.255.0')


def setUpModule():
	global net, nics, a, b
	traffic.needs_guests()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	net = unittest.enterModuleContext(traffic.Network('shared', tmp, ['a', 'b']))
	isolated = unittest.enterModuleContext(traffic.Network('shared', tmp, ['a1', 'b1'], *ISOLATED))
	nics = {name: [net.paths[name], isolated.paths[name + '1']] for name in ('a', 'b')}
	a, b = traffic.boot({'vfio_user': nics['a']}, {'vfio_user': nics['b']})
	network_up(a)
	network_up(b)


def network_up(guest):
	guest.ip = traffic.lease_ip(guest, 'eth0')
	guest.isolated_ip = traffic.lease_ip(guest, 'eth1')


class Together(unittest.TestCase):
	def test_guests_have_addresses_and_macs_of_their_own(self):
		self.assertNotEqual(a.ip, b.ip)
		self.assertNotEqual(traffic.mac(a), traffic.mac(b))

	def test_guests_ping_each_other(self):
		self.assertTrue(traffic.pings(a, b.ip))
		self.assertTrue(traffic.pings(b, a.ip))

	def test_guests_ping_each_other_by_ipv6(self):
		address = str(traffic.ip(traffic.slaac_address(b)))
		traffic.slaac_address(a)
		self.assertTrue(traffic.pings(a, address))

	def test_guests_ping_each_other_by_link_local_ipv6(self):
		address = traffic.link_local(b)
		traffic.link_local(a)
		self.assertTrue(traffic.pings(a, address + '%eth0'))

	def test_packets_of_the_mtu_cross_in_one_piece_and_larger_ones_in_several(self):
		before = traffic.fragments(a)
		self.assertTrue(traffic.pings(a, b.ip, 1472))
		self.assertEqual(traffic.fragments(a), before)
		self.assertTrue(traffic.pings(a, b.ip, 20000))
		self.assertGreater(traffic.fragments(a), before)

	def test_64_mib_arrive_intact_from_guest_to_guest(self):
		size = 64 * MIB
		with harness.WebServer() as web:
			b.check(f'wget -q -T 60 -O /tmp/file {web.url("192.168.64.1", size)}',
				       traffic.BULK_TIMEOUT)
			self.addCleanup(b.run, 'rm /tmp/file')
			b.check('httpd -h /tmp -p 8000')
			self.addCleanup(b.run, 'killall httpd')
			self.assertEqual(traffic.download_sha256(a, f'http://{b.ip}:8000/file'), web.sha256(size))

	def test_guests_reach_each_other_in_a_vlan(self):
		for guest, address in (a, '10.5.0.1'), (b, '10.5.0.2'):
			self.addCleanup(guest.run, 'ip link del vlan5')
			guest.check('ip link add link eth0 name vlan5 type vlan id 5; '
				    f'ip addr add {address}/24 dev vlan5; ip link set vlan5 up')
		self.assertTrue(traffic.pings(a, '10.5.0.2'))
		self.assertTrue(traffic.pings(b, '10.5.0.1', 1472))

	def test_guests_find_each_other_after_one_changed_its_mac(self):
		self.addCleanup(a.check, 'ip neigh flush dev eth0')
		self.addCleanup(b.check, f'ip link set eth0 address {traffic.mac(b)}')
		b.check('ip link set eth0 address 02:00:5e:40:50:60')
		a.check('ip neigh flush dev eth0')
		self.assertTrue(traffic.pings(a, b.ip))
		self.assertIn('02:00:5e:40:50:60', a.check(f'ip neigh show {b.ip}'))

	def test_multicast_reaches_the_members_of_its_group(self):
		traffic.link_local(a)
		address = traffic.link_local(b)
		# All nodes (ff02::1): b answers among others, as every Linux.
		self.assertIn(f'bytes from {address}', a.run('ping -c 8 -A -w 20 ff02::1%eth0')[1])


class Isolated(unittest.TestCase):
	def test_isolated_guests_reach_the_gateway(self):
		self.assertTrue(traffic.pings(a, '10.78.0.1', interface='eth1'))
		self.assertTrue(traffic.pings(b, '10.78.0.1', interface='eth1'))

	def test_isolated_guests_reach_the_host(self):
		with harness.WebServer() as web:
			for guest in a, b:
				self.assertEqual(traffic.download_sha256(guest, web.url('10.78.0.1', MIB)),
						 web.sha256(MIB))

	def test_isolated_guests_do_not_find_each_other(self):
		self.assertFalse(traffic.pings(a, b.isolated_ip, interface='eth1', within=3))
		self.assertFalse(traffic.pings(b, a.isolated_ip, interface='eth1', within=3))

	def test_isolated_guests_do_not_find_each_other_by_ipv6(self):
		address = traffic.link_local(b, 'eth1')
		traffic.link_local(a, 'eth1')
		self.assertFalse(traffic.pings(a, f'{address}%eth1', within=3))

	def test_isolated_guests_that_know_their_macs_do_not_reach_each_other(self):
		self.introduce(a, b)
		self.introduce(b, a)
		before = self.echoes(b)
		self.assertFalse(traffic.pings(a, b.isolated_ip, interface='eth1', within=3))
		self.assertEqual(self.echoes(b), before)

	def introduce(self, guest, other):
		guest.check(f'arp -i eth1 -s {other.isolated_ip} {traffic.mac(other, "eth1")}')
		self.addCleanup(guest.check, f'arp -i eth1 -d {other.isolated_ip}')

	def echoes(self, guest):
		names, values = (line.split() for line in guest.check('grep ^Icmp: /proc/net/snmp').splitlines())
		return dict(zip(names, values))['InEchos']


class ComingAndGoing(unittest.TestCase):
	def test_qemu_is_killed_and_started_again_while_another_guest_keeps_its_transfer_going(self):
		global a
		with traffic.Stream() as stream:
			transfer = b.start(f'nc 192.168.64.1 {stream.port} < /dev/null | sha256sum')
			stream.wait_more()
			fds = net.open_fds()
			a.kill()
			stream.wait_more()
			a, = traffic.boot({'vfio_user': nics['a']})
			network_up(a)
			self.assertTrue(traffic.pings(a, '192.168.64.1'))
			self.assertTrue(traffic.pings(a, b.ip))
			self.assertLessEqual(net.open_fds(), fds)
			stream.wait_more()
			sent = stream.finish()
			self.assertEqual(transfer.check(traffic.BULK_TIMEOUT).split()[0], sent)

	def test_outrigger_is_told_to_end_and_qemu_survives(self):
		with harness.TemporaryDirectory() as tmp, \
		     traffic.Network('shared', tmp, ['c']) as ending, \
		     harness.Guest(vfio_user=ending.paths.values()) as c:
			traffic.lease_ip(c)
			ending.signal(signal.SIGTERM)
			self.assertEqual(ending.wait(), 0, ending.stderr())
			self.assertEqual(os.listdir(tmp), [])
			self.assertEqual(c.qmp.execute('query-status')['status'], 'running')
			self.assertEqual(c.check('echo alive'), 'alive\n')
			self.assertFalse(traffic.pings(c, '192.168.64.1', within=3))
			self.assertTrue(c.alive())


if __name__ == '__main__':
	unittest.main()
