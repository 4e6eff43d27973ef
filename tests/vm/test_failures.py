# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong with one VMM, and that it stays there.

	   a: stock QEMU, stock Linux     b: the same     c, d: QEMUs that cannot work
	   eth0                           eth0              :
	     | vfio-user                    |               :
	+----+---- outrigger net shared ----+---------------+----+
	| 192.168.64.0/24                                        |
	+----+---------------------------------------------------+
	     | sockets
	   this host: servers, at the gateway 192.168.64.1 for guests

`a` is stopped, reset and shut out; `b` has traffic meanwhile.
"""

import re
import signal
import unittest

import harness
import traffic
from traffic import MIB

GATEWAY = '192.168.64.1'


def setUpModule():
	global net, a, b
	traffic.needs_guests()
	tmp = unittest.enterModuleContext(harness.TemporaryDirectory())
	expected = re.compile(f'{traffic.EXPECTED_LOG.pattern}|nic a: a second client|nic [cd]: .*guest memory')
	net = unittest.enterModuleContext(
		traffic.Network('shared', tmp, ['a', 'b', 'c', 'd'], expected_log=expected))
	a, b = traffic.boot({'vfio_user': [net.paths['a']], 'reboots': True}, {'vfio_user': [net.paths['b']]})
	a.ip, b.ip = traffic.lease_ip(a), traffic.lease_ip(b)


class Vmm(unittest.TestCase):
	def test_second_qemu_on_a_socket_ends_at_once_and_the_first_goes_on(self):
		with traffic.Stream() as stream:
			transfer = a.start(f'nc {GATEWAY} {stream.port} < /dev/null | sha256sum')
			stream.wait_more()
			fds = net.open_fds()
			with harness.Guest(vfio_user=[net.paths['a']], wait=False) as second:
				self.assertNotEqual(second.wait(), 0)
				self.assertIn('resource busy', second.stderr())
			self.assertRegex(net.stderr(), r'nic a: a second client: .* busy')
			stream.wait_more()
			self.assertLessEqual(net.open_fds(), fds)
			sent = stream.finish()
			self.assertEqual(transfer.check(traffic.BULK_TIMEOUT).split()[0], sent)
		self.assertTrue(traffic.pings(a, GATEWAY))


class PrivateMemory(unittest.TestCase):
	"""Nothing can work, and the guest's driver may wait for it forever: the operator is told why."""

	@classmethod
	def setUpClass(cls):
		for name, guest in zip('cd', traffic.boot(
				cls.guest('c', 'memory-backend-ram'),
				cls.guest('d', 'memory-backend-memfd,share=off'))):
			setattr(cls, name, guest)
			cls.addClassCleanup(guest.kill)

	@staticmethod
	def guest(nic, memory):
		return {'vfio_user': [net.paths[nic]],
			'qemu': ['-object', f'{memory},id=private,size=256M', '-machine', 'memory-backend=private']}

	def check_told(self, guest, nic):
		guest.check('ip link set eth0 up > /dev/null 2>&1 &')
		traffic.until_logged(net, f'nic {nic}: .*guest memory.*share=on')
		self.assertTrue(traffic.pings(b, GATEWAY))

	def test_operator_is_told_what_to_do_about_guest_memory_without_a_file(self):
		self.check_told(self.c, 'c')

	def test_operator_is_told_what_to_do_about_guest_memory_that_is_not_shared(self):
		self.check_told(self.d, 'd')


class Pauses(unittest.TestCase):
	def check_pause(self, pause, resume):
		with traffic.Stream() as ours, traffic.Stream() as theirs, harness.WebServer() as web:
			interrupted = a.start(f'nc {GATEWAY} {ours.port} < /dev/null | sha256sum')
			undisturbed = b.start(f'nc {GATEWAY} {theirs.port} < /dev/null | sha256sum')
			ours.wait_more()
			self.assertTrue(traffic.pings(b, a.ip))	# who knows its address from now on
			self.addCleanup(resume)
			pause()
			# 2 MB; the network keeps 1 MiB. Not in fragments: Linux refuses those (ENOBUFS) where it
			# waits for room with whole packets, and ping gives up.
			text = b.run(f'ping -q -c 1400 -i 0.001 -W 1 -s 1472 {a.ip}')[1]
			self.assertIn('1400 packets transmitted', text)
			self.assertEqual(traffic.download_sha256(b, web.url(GATEWAY, 2 * MIB)), web.sha256(2 * MIB))
			resume()
			ours.wait_more()
			for stream, transfer in (ours, interrupted), (theirs, undisturbed):
				sent = stream.finish()
				self.assertEqual(transfer.check(traffic.BULK_TIMEOUT).split()[0], sent)
		self.assertTrue(traffic.pings(a, b.ip))

	def test_guest_that_is_paused_goes_on_later_and_does_not_disturb_the_other(self):
		self.check_pause(lambda: a.qmp.execute('stop'), lambda: a.qmp.execute('cont'))

	def test_qemu_that_is_stopped_goes_on_later_and_does_not_disturb_the_other_guest(self):
		self.check_pause(lambda: a.signal(signal.SIGSTOP), lambda: a.signal(signal.SIGCONT))


class Resets(unittest.TestCase):
	def test_guest_that_is_reset_in_the_middle_of_a_transfer_has_network_again(self):
		with traffic.Stream() as ours, traffic.Stream() as theirs:
			a.start(f'nc {GATEWAY} {ours.port} < /dev/null > /dev/null')
			undisturbed = b.start(f'nc {GATEWAY} {theirs.port} < /dev/null | sha256sum')
			ours.wait_more()
			a.qmp.execute('system_reset')
			a.boot()
			self.assertEqual(traffic.lease_ip(a), a.ip)
			self.assertTrue(traffic.pings(a, b.ip))
			theirs.wait_more()
			sent = theirs.finish()
			self.assertEqual(undisturbed.check(traffic.BULK_TIMEOUT).split()[0], sent)
		with harness.WebServer() as web:
			self.assertEqual(traffic.download_sha256(a, web.url(GATEWAY, 8 * MIB)), web.sha256(8 * MIB))


if __name__ == '__main__':
	unittest.main()
