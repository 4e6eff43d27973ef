# SPDX-License-Identifier: BSD-3-Clause
"""A running network is told by `outrigger ctl`, and guests find it so; guests that have a name
are found by it, by each other and from the host.

	   web: stock QEMU, stock Linux          client: the same
	   eth0 52:54:00:77:00:80                eth0, gives the name "client" when it wants one
	     | vfio-user                           | vfio-user
	+----+---- outrigger net shared -----------+----+
	| 192.168.64.0/24; web is 192.168.64.80         +--- outrigger ctl
	+----+------------------------------------------+
	     | sockets
	   this host: 127.0.0.1:FORWARDED leads to web's port 80
"""

import json
import os
import re
import socket
import subprocess
import unittest
import urllib.request

import harness
import traffic

WEB_MAC, WEB_IP = '52:54:00:77:00:80', '192.168.64.80'
GATEWAY = '192.168.64.1'


def setUpModule():
	global control, forwarded, net, web, client
	traffic.needs_guests()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	control, forwarded = os.path.join(tmp, 'control'), free_port()
	net = unittest.enterModuleContext(traffic.Network(
		'shared', tmp, [f'web={WEB_MAC}', 'client'], '--control', control,
		'--reserve', f'{WEB_MAC}={WEB_IP},name=web', '--forward', f'tcp:127.0.0.1:{forwarded}-web:80'))
	web, client = traffic.boot(*({'vfio_user': [path]} for path in net.paths.values()))
	for guest in web, client:
		guest.ip = traffic.lease_ip(guest)


def free_port():
	"""A port of 127.0.0.1 that nobody has: nobody else lives in the sandbox."""
	with socket.create_server(('127.0.0.1', 0)) as server:
		return server.getsockname()[1]


def ctl(*arguments):
	"""What the network answers to a command."""
	done = subprocess.run([harness.OUTRIGGER, 'ctl', '--json', control, *arguments],
			      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
	if done.returncode:
		raise harness.Failure(f'outrigger ctl {arguments} ended with status {done.returncode}\n{done.stderr}')
	return json.loads(done.stdout) if done.stdout else None


def port(name):
	return next(each for each in ctl('ports')['ports'] if each['name'] == name)


def resolves(guest, name, address):
	return re.search(rf'Address:\s+{re.escape(address)}\n', guest.run(f'nslookup -type=a {name}')[1])


def give_name(guest, name):
	guest.check(f'udhcpc -i eth0 -n -q -f -x hostname:{name} -s /bin/true')


class Served(unittest.TestCase):
	"""Each guest has a web server, which says who it is."""

	def setUp(self):
		for guest, name in (web, 'web'), (client, 'client'):
			guest.check(f'echo I am {name} > /tmp/who; httpd -h /tmp -p 80')
			self.addCleanup(guest.run, 'killall httpd')

	def at_the_host(self, number):
		with urllib.request.urlopen(f'http://127.0.0.1:{number}/who', timeout=60) as answer:
			return answer.read().decode()


class Names(Served):
	def test_guest_with_a_reservation_has_its_address_and_name(self):
		self.assertEqual(web.ip, WEB_IP)
		lease = next(each for each in ctl('leases')['leases'] if each['mac'] == WEB_MAC)
		self.assertEqual((lease['address'], lease['name']), (WEB_IP, 'web'))

	def test_guest_is_found_by_another_by_its_name(self):
		self.assertTrue(resolves(client, 'web', WEB_IP))
		self.assertTrue(traffic.pings(client, 'web'))
		self.assertEqual(client.check('wget -q -T 20 -O - http://web/who'), 'I am web\n')

	def test_forward_by_name_leads_from_the_host_to_the_guest(self):
		self.assertEqual(self.at_the_host(forwarded), 'I am web\n')

	def test_forward_waits_for_a_guest_of_that_name_and_is_taken_back(self):
		number = free_port()
		forward = f'tcp:127.0.0.1:{number}-client:80'
		self.assertFalse(resolves(web, 'client', client.ip))
		ctl('add-forward', forward)
		self.assertRaises(OSError, self.at_the_host, number)
		self.addCleanup(traffic.lease, client)	# which gives no name
		give_name(client, 'client')
		self.assertTrue(resolves(web, 'client', client.ip))
		self.assertEqual(self.at_the_host(number), 'I am client\n')
		ctl('remove-forward', forward)
		self.assertRaises(OSError, self.at_the_host, number)
		self.assertEqual(self.at_the_host(forwarded), 'I am web\n')


class Link(unittest.TestCase):
	CARRIER = '/sys/class/net/eth0/carrier'

	def until_carrier(self, guest, value):
		traffic.until(guest, f'grep -qx {value} {self.CARRIER}')

	def test_link_that_is_set_down_and_up_is_seen_by_the_guest_and_by_no_other(self):
		self.addCleanup(ctl, 'link', 'web', 'up')
		ctl('link', 'web', 'down')
		self.until_carrier(web, 0)
		self.assertIn('Link detected: no', web.check('ethtool eth0'))
		self.assertEqual((port('web')['link'], port('web')['connected']), (False, True))
		self.assertFalse(traffic.pings(client, WEB_IP, within=3))
		self.assertEqual(client.check(f'cat {self.CARRIER}'), '1\n')
		self.assertTrue(traffic.pings(client, GATEWAY))
		ctl('link', 'web', 'up')
		self.until_carrier(web, 1)
		self.assertTrue(port('web')['link'])
		self.assertTrue(traffic.pings(web, GATEWAY))
		self.assertTrue(traffic.pings(client, WEB_IP))

	def test_link_that_is_down_is_down_for_the_next_driver_too(self):
		device = web.check('basename $(readlink -f /sys/class/net/eth0/device)').strip()
		driver = '/sys/bus/virtio/drivers/virtio_net'
		self.addCleanup(traffic.lease, web)
		self.addCleanup(ctl, 'link', 'web', 'up')
		ctl('link', 'web', 'down')
		web.check(f'echo {device} > {driver}/unbind; echo {device} > {driver}/bind')
		traffic.until(web, f'test -e {self.CARRIER}')
		web.check('ip link set eth0 up')
		self.until_carrier(web, 0)
		ctl('link', 'web', 'up')
		self.until_carrier(web, 1)
		self.assertEqual(traffic.lease_ip(web), WEB_IP)
		self.assertTrue(traffic.pings(client, WEB_IP))


if __name__ == '__main__':
	unittest.main()
