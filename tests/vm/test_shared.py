# SPDX-License-Identifier: BSD-3-Clause
"""What a guest gets from `outrigger net shared`: addresses, names, the way out, and a card
that behaves as Linux expects of one.

	plain: stock QEMU, stock Linux              custom: the same
	  eth0                                        eth0 52:54:00:77:00:05
	   | vfio-user                                 | vfio-user
	+--+---- outrigger net shared ----+         +--+---- outrigger net shared ... -----+
	| 192.168.64.0/24, MTU 1500       |         | 10.77.0.0/16, fd12:3456:789a::/64,   |
	| .1 gateway and name server      |         | MTU 9000, leases up to 10.77.1.9     |
	| fdXX:.../64 at random, ::2 both |         | 10.77.1.1 gateway and name server    |
	+--+------------------------------+         +--+-----------------------------------+
	   | sockets                                   | sockets
	+--+-------------------------------------------+--------------------------------------+
	| this host: web servers, at the gateway, and outside at 203.0.113.1, 2001:db8::1      |
	+--------------------------------------------------------------------------------------+
"""

import hashlib
import ipaddress
import re
import socket
import unittest

import harness
import sandbox
import traffic
from traffic import MIB

PCI = '/sys/class/net/eth0/device/..'	# the card, above its virtio device


def setUpModule():
	global plain, plain_lease, custom, custom_lease
	traffic.needs_guests()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	plain_net = unittest.enterModuleContext(traffic.Network('shared', tmp, ['plain']))
	custom_net = unittest.enterModuleContext(traffic.Network(
		'shared', tmp, ['custom=52:54:00:77:00:05'], '--start-address', '10.77.1.1',
		'--end-address', '10.77.1.9', '--subnet-mask', '255.255.0.0',
		'--nat66-prefix', 'fd12:3456:789a::', '--mtu', '9000'))
	plain, custom = traffic.boot({'vfio_user': plain_net.paths.values(), 'reboots': True},
				     {'vfio_user': custom_net.paths.values()})
	plain_lease, custom_lease = traffic.lease(plain), traffic.lease(custom)


class Addresses(unittest.TestCase):
	def test_an_address_in_the_default_range_is_leased(self):
		address = ipaddress.ip_interface(plain_lease['address'])
		self.assertEqual(str(address.network), '192.168.64.0/24')
		self.assertGreaterEqual(address.ip, traffic.ip('192.168.64.2'))
		self.assertLessEqual(address.ip, traffic.ip('192.168.64.254'))

	def test_gateway_and_name_server_are_leased(self):
		self.assertEqual(plain_lease['gateway'], '192.168.64.1')
		self.assertEqual(plain_lease['resolver'], '192.168.64.1')

	def test_an_address_in_the_given_range_is_leased(self):
		address = ipaddress.ip_interface(custom_lease['address'])
		self.assertEqual(str(address.network), '10.77.0.0/16')
		self.assertGreaterEqual(address.ip, traffic.ip('10.77.1.2'))
		self.assertLessEqual(address.ip, traffic.ip('10.77.1.9'))
		self.assertEqual(custom_lease['gateway'], '10.77.1.1')
		self.assertEqual(custom_lease['resolver'], '10.77.1.1')

	def test_the_lease_can_be_had_again(self):
		self.assertEqual(traffic.lease(plain), plain_lease)

	def test_an_ipv6_address_is_made_from_a_random_private_prefix(self):
		address = ipaddress.ip_interface(traffic.slaac_address(plain))
		self.assertEqual(address.network.prefixlen, 64)
		self.assertIn(address.ip, ipaddress.ip_network('fd00::/8'))

	def test_an_ipv6_address_is_made_from_the_given_prefix(self):
		address = ipaddress.ip_interface(traffic.slaac_address(custom))
		self.assertEqual(str(address.network), 'fd12:3456:789a::/64')

	def test_the_card_has_the_given_mac(self):
		self.assertEqual(traffic.mac(custom), '52:54:00:77:00:05')

	def test_the_card_has_a_mac_of_its_own_when_none_is_given(self):
		first = int(traffic.mac(plain)[:2], 16)
		self.assertEqual(first & 3, 2, 'unicast, locally administered')


class Reach(unittest.TestCase):
	def test_gateway_answers_pings(self):
		self.assertTrue(traffic.pings(plain, '192.168.64.1'))
		self.assertTrue(traffic.pings(custom, '10.77.1.1'))

	def test_gateway_answers_ipv6_pings(self):
		self.assertTrue(traffic.pings(plain, traffic.gateway6(traffic.slaac_address(plain))))
		traffic.slaac_address(custom)
		self.assertTrue(traffic.pings(custom, 'fd12:3456:789a::2'))

	def test_gateway_leads_to_the_host(self):
		with harness.WebServer() as web:
			self.assertEqual(traffic.download_sha256(plain, web.url('192.168.64.1', MIB)),
					 web.sha256(MIB))

	def test_gateway_leads_to_the_host_by_ipv6(self):
		traffic.slaac_address(custom)
		traffic.needs_sandbox()
		with harness.WebServer('::') as web:
			self.assertEqual(traffic.download_sha256(custom, web.url('fd12:3456:789a::2', MIB)),
					 web.sha256(MIB))

	def test_the_hosts_loopback_is_closed(self):
		with harness.WebServer('127.0.0.1') as web:
			self.assertFalse(traffic.fetches(plain, web.url('192.168.64.1', 1), within=10))

	def test_hosts_behind_the_host_are_reached(self):
		traffic.needs_sandbox()
		with harness.WebServer(sandbox.OUTSIDE4) as web:
			self.assertEqual(traffic.download_sha256(plain, web.url(sandbox.OUTSIDE4, MIB)),
					 web.sha256(MIB))

	def test_hosts_behind_the_host_are_reached_by_ipv6(self):
		traffic.needs_sandbox()
		traffic.slaac_address(plain)
		with harness.WebServer(sandbox.OUTSIDE6) as web:
			self.assertEqual(traffic.download_sha256(plain, web.url(sandbox.OUTSIDE6, MIB)),
					 web.sha256(MIB))

	def test_datagrams_reach_hosts_behind_the_host(self):
		traffic.needs_sandbox()
		traffic.slaac_address(plain)
		for family, address in (socket.AF_INET, sandbox.OUTSIDE4), (socket.AF_INET6, sandbox.OUTSIDE6):
			with socket.socket(family, socket.SOCK_DGRAM) as sock:
				sock.settimeout(60)
				sock.bind((address, 0))
				port = sock.getsockname()[1]
				plain.check(f'timeout 10 tftp -g -r outside -l /dev/null {address} {port} '
					    '> /dev/null 2>&1 &')
				self.assertIn(b'outside', sock.recv(1500))

	def test_names_are_resolved(self):
		traffic.needs_sandbox()	# by its resolver, which knows names whatever the host's knows
		text = plain.check(f'nslookup -type=a guest.{sandbox.ZONE}')
		self.assertIn('192.168.64.1', text)
		self.assertRegex(text, rf'Address:\s+{re.escape(sandbox.OUTSIDE4)}\n')

	def test_names_are_resolved_by_ipv6(self):
		traffic.needs_sandbox()
		traffic.slaac_address(custom)
		text = custom.check(f'nslookup -type=aaaa guest.{sandbox.ZONE} fd12:3456:789a::2')
		self.assertRegex(text, rf'Address:\s+{sandbox.OUTSIDE6}\n')

	def test_a_name_that_does_not_exist_is_said_not_to(self):
		traffic.needs_sandbox()
		status, text = plain.run('nslookup -type=a guest.invalid')
		self.assertNotEqual(status, 0)
		self.assertIn('NXDOMAIN', text)

	def test_names_are_resolved_by_tcp(self):
		traffic.needs_sandbox()
		question = sandbox.ZONE.split('.')
		query = b'\x12\x34\1\0\0\1\0\0\0\0\0\0' + b''.join(
			bytes([len(label)]) + label.encode() for label in ['guest', *question]) + b'\0\0\1\0\1'
		octal = ''.join(f'\\0{byte:o}' for byte in len(query).to_bytes(2, 'big') + query)
		text = plain.check(f"(printf '%b' '{octal}'; sleep 3) | timeout 10 nc 192.168.64.1 53 | hexdump -v -e '1/1 \"%02x\"'")
		self.assertIn(socket.inet_aton(sandbox.OUTSIDE4).hex(), text)

	def test_the_gateway_has_a_name(self):
		self.assertRegex(plain.check('nslookup -type=a gateway'), r'Address:\s+192\.168\.64\.1\n')
		self.assertIn('gateway', plain.check('nslookup 192.168.64.1'))

	def test_a_guest_is_found_by_the_name_that_it_gave(self):
		plain.check('udhcpc -i eth0 -n -q -f -x hostname:Plain-Guest -s /bin/true')
		address = str(traffic.ip(plain_lease['address']))
		self.assertRegex(plain.check('nslookup -type=a plain-guest'),
				 rf'Address:\s+{re.escape(address)}\n')
		self.assertIn('plain-guest', plain.check(f'nslookup {address}'))
		self.addCleanup(traffic.lease, plain)	# which gives no name

	def test_a_port_that_is_closed_on_the_host_is_refused(self):
		with harness.WebServer() as web:
			url = web.url('192.168.64.1', MIB)
		status, text = plain.run(f'timeout 20 wget -O /dev/null {url}')
		self.assertNotEqual(status, 0)
		self.assertIn('Connection refused', text)


class Transfers(unittest.TestCase):
	SIZE = 256 * MIB

	def test_256_mib_arrive_intact_from_the_host(self):
		with harness.WebServer() as web:
			self.assertEqual(traffic.download_sha256(plain, web.url('192.168.64.1', self.SIZE)),
					 web.sha256(self.SIZE))

	def test_256_mib_arrive_intact_at_the_host(self):
		part = 32 * MIB		# of which the guest holds one, and sends it eight times
		with harness.WebServer() as web, traffic.Sink() as sink:
			self.addCleanup(plain.run, 'rm /tmp/part')
			plain.check(f'wget -q -T 60 -O /tmp/part {web.url("192.168.64.1", part)}',
				    traffic.BULK_TIMEOUT)
			plain.check(f'nc 192.168.64.1 {sink.port} -e cat{" /tmp/part" * (self.SIZE // part)}',
				    traffic.BULK_TIMEOUT)
			count, checksum = sink.wait()
		expected = hashlib.sha256()
		for _ in range(self.SIZE // part):
			for block in harness.content(part):
				expected.update(block)
		self.assertEqual(count, self.SIZE)
		self.assertEqual(checksum, expected.hexdigest())

	def test_transfers_in_both_directions_at_once_arrive_intact(self):
		size = 32 * MIB
		with harness.WebServer() as web, traffic.Sink() as sink:
			custom.check(f'wget -q -T 60 -O - {web.url("10.77.1.1", size)} | '
				     f"nc 10.77.1.1 {sink.port} -e sh -c 'cat <&9' 9<&0", traffic.BULK_TIMEOUT)
			count, checksum = sink.wait()
			self.assertEqual(count, size)
			self.assertEqual(checksum, web.sha256(size))


class Mtu(unittest.TestCase):
	def check_mtu(self, guest, gateway, mtu):
		path = '/sys/class/net/eth0/mtu'
		self.assertEqual(guest.check(f'cat {path}').strip(), str(mtu))
		before = traffic.fragments(guest)
		self.assertTrue(traffic.pings(guest, gateway, mtu - 28))
		self.assertEqual(traffic.fragments(guest), before)
		self.assertNotEqual(guest.run(f'ip link set eth0 mtu {mtu + 1}')[0], 0)
		self.assertEqual(guest.check(f'cat {path}').strip(), str(mtu))

	def test_mtu_is_1500_and_packets_of_that_size_cross_in_one_piece(self):
		self.check_mtu(plain, '192.168.64.1', 1500)

	def test_mtu_of_9000_is_announced_and_packets_of_that_size_cross_in_one_piece(self):
		self.check_mtu(custom, '10.77.1.1', 9000)

class Card(unittest.TestCase):
	def test_link_is_up(self):
		self.assertEqual(plain.check('cat /sys/class/net/eth0/carrier').strip(), '1')
		self.assertEqual(plain.check('cat /sys/class/net/eth0/operstate').strip(), 'up')
		self.assertIn('Link detected: yes', plain.check('ethtool eth0'))

	def test_ethtool_names_the_driver_and_the_bus_address(self):
		text = plain.check('ethtool -i eth0')
		address = plain.check(f'basename $(readlink -f {PCI})').strip()
		self.assertIn('driver: virtio_net\n', text)
		self.assertIn(f'bus-info: {address}\n', text)

	def test_ethtool_counts_kicks_and_no_losses(self):
		traffic.pings(plain, '192.168.64.1')
		counters = dict(re.findall(r'(\w+): (\d+)', plain.check('ethtool -S eth0')))
		self.assertGreater(int(counters['tx_kicks']), 0)
		self.assertEqual(counters['tx_tx_timeouts'], '0')
		self.assertEqual(counters['rx_drops'], '0')

	def test_interface_counts_frames_and_no_errors(self):
		traffic.pings(plain, '192.168.64.1')
		names = 'rx_packets', 'tx_packets', 'rx_errors', 'tx_errors'
		path = '/sys/class/net/eth0/statistics'
		values = [int(value) for value in
			  plain.check(f'cd {path}; cat {" ".join(names)}').split()]
		self.assertGreater(values[0], 0)
		self.assertGreater(values[1], 0)
		self.assertEqual(values[2:], [0, 0])

	def test_speed_is_unknown_as_of_any_virtual_card(self):
		text = plain.check('ethtool eth0')
		self.assertRegex(text, r'Speed: Unknown!\n')
		self.assertRegex(text, r'Duplex: Unknown!')

	def test_pci_ids_are_those_of_a_modern_virtio_network_card(self):
		ids = {name: plain.check(f'cat {PCI}/{name}').strip()
		       for name in ('vendor', 'device', 'class', 'subsystem_vendor')}
		self.assertEqual(ids, {'vendor': '0x1af4', 'device': '0x1041', 'class': '0x020000',
				       'subsystem_vendor': '0x1af4'})
		self.assertGreaterEqual(int(plain.check(f'cat {PCI}/revision'), 16), 1)

	def test_each_queue_has_an_interrupt_of_its_own(self):
		used = re.findall(r'(\d+) .*virtio\d+-(\S+)', plain.check('cat /proc/interrupts'))
		self.assertLessEqual({'config', 'input.0', 'output.0'}, {name for _, name in used})
		self.assertEqual(len(plain.check(f'ls {PCI}/msi_irqs').split()), 3)

	def test_driver_and_card_agree_on_the_features_that_are_promised(self):
		bits = plain.check('cat /sys/class/net/eth0/device/features').strip()
		promised = {'MTU': 3, 'MAC': 5, 'MRG_RXBUF': 15, 'STATUS': 16, 'CTRL_VQ': 17, 'CTRL_RX': 18,
			    'CTRL_VLAN': 19, 'GUEST_ANNOUNCE': 21, 'CTRL_MAC_ADDR': 23,
			    'INDIRECT_DESC': 28, 'EVENT_IDX': 29, 'VERSION_1': 32}
		self.assertEqual([name for name, bit in promised.items() if bits[bit] != '1'], [])


class Commands(unittest.TestCase):
	"""What the driver asks of the card, by its control queue. A refusal is in the kernel's log."""

	def setUp(self):
		plain.check('dmesg -c > /dev/null')

	def tearDown(self):
		self.assertNotRegex(plain.check('dmesg'), r'(?i)virtio.*fail')

	def check_network(self):
		self.assertTrue(traffic.pings(plain, '192.168.64.1'))

	def test_vlans_come_and_go(self):
		plain.check('ip link add link eth0 name vlan5 type vlan id 5; ip link set vlan5 up')
		self.check_network()
		plain.check('ip link del vlan5')
		self.check_network()

	def test_promiscuous_mode_is_switched_on_and_off(self):
		plain.check('ip link set eth0 promisc on')
		self.check_network()
		plain.check('ip link set eth0 promisc off')
		self.check_network()

	def test_all_multicast_is_switched_on_and_off(self):
		plain.check('ifconfig eth0 allmulti')
		self.check_network()
		plain.check('ifconfig eth0 -allmulti')
		self.check_network()

	def test_a_new_mac_is_used_at_once(self):
		old = traffic.mac(plain)
		self.addCleanup(traffic.lease, plain)
		self.addCleanup(plain.check, f'ip link set eth0 address {old}')
		plain.check('ip link set eth0 address 02:00:5e:10:20:30')
		self.assertIn('address', traffic.lease(plain))
		self.check_network()

	def test_the_interface_is_taken_down_and_up(self):
		plain.check('ip link set eth0 down')
		self.assertEqual(traffic.lease(plain), plain_lease)
		self.check_network()


class Restarts(unittest.TestCase):
	def check_network(self):
		self.assertEqual(traffic.lease(plain), plain_lease)
		self.assertTrue(traffic.pings(plain, '192.168.64.1'))
		with harness.WebServer() as web:
			size = 8 * MIB
			self.assertEqual(traffic.download_sha256(plain, web.url('192.168.64.1', size)),
					 web.sha256(size))

	def rebind(self, bus, name):
		path = f'/sys/bus/{bus}'
		device = plain.check(f'basename $(readlink -f {name})').strip()
		driver = plain.check(f'readlink -f {path}/devices/{device}/driver').strip()
		plain.check(f'echo {device} > {driver}/unbind')
		self.assertNotIn('eth0', plain.check('ls /sys/class/net'))
		plain.check(f'echo {device} > {driver}/bind')
		traffic.until(plain, 'test -e /sys/class/net/eth0')

	def test_network_works_after_the_network_driver_is_unbound_and_bound(self):
		for _ in range(2):
			self.rebind('virtio', '/sys/class/net/eth0/device')
		self.check_network()

	def test_network_works_after_the_pci_driver_is_unbound_and_bound(self):
		for _ in range(2):
			self.rebind('pci', PCI)
		self.check_network()

	def test_network_works_after_the_guest_reboots(self):
		boot_id = plain.check('cat /proc/sys/kernel/random/boot_id')
		pid = plain.pid
		plain.reboot()
		self.assertNotEqual(plain.check('cat /proc/sys/kernel/random/boot_id'), boot_id)
		self.assertEqual(plain.pid, pid)
		self.assertTrue(plain.alive())
		self.check_network()


if __name__ == '__main__':
	unittest.main()
