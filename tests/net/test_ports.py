# SPDX-License-Identifier: BSD-3-Clause
"""Ports of one network: of two kinds, many, one that is stuck, guests that come and go, two processes, clean-up."""

import os
import socket
import struct

import net_fixture as net
from net_fixture import FAR4, NetCase, harness, questions

setUpModule = net.become_host



class Rules:
	many = 64

	def test_stream_and_datagram_guests_are_on_one_network(self):
		network = self.start('shared', *net.subnet(1), test=self)
		a, b = self.guest(network, 'stream', test=self), self.guest(network, 'dgram', dgram=True, test=self)
		self.assert_reach(questions(a, b.addresses()) + questions(b, a.addresses())
				  + questions([a, b], [net.gateway(1), a.gateway6, FAR4]))

	def test_many_guests_reach_the_gateway_and_each_a_neighbour(self):
		network = self.start('shared', *net.subnet(1), test=self)
		guests = [self.guest(network, f'guest {number}', test=self) for number in range(self.many)]
		self.assertEqual(len({guest.address for guest in guests}), self.many)
		self.assert_reach(questions(guests, [net.gateway(1)], ['icmp']) + questions(guests, [FAR4], ['tcp']) + [
			question for a, b in zip(guests, guests[1:] + guests[:1])
			for question in questions(a, [b.address, b.address6], ['icmp'])])

	def test_a_guest_that_never_reads_holds_up_nobody(self):
		network = self.start('shared', *net.subnet(1), test=self)
		a, b = self.guest(network, 'a', test=self), self.guest(network, 'b', test=self)
		for stuck in self.guest(network, 'stuck', test=self), self.guest(network, 'dgram', dgram=True, test=self):
			stuck.hold()
			flood(a, stuck, 4000)	# more than its socket and the network's queues hold
			self.assert_reach(questions(a, [b.address, net.gateway(1), FAR4])
					  + questions(b, [a.address]), closed=questions(a, [stuck.address]))
			stuck.hold(False)
			self.assert_reach(questions(a, [stuck.address]))

	def test_a_guest_comes_back_at_will(self):
		network = self.start('shared', *net.subnet(1), test=self)
		a, b = self.guest(network, 'a', test=self), self.guest(network, 'b', test=self)
		for _ in range(3):
			a.disconnect()
			a.connect()
			self.assert_reach(questions(a, [b.address, FAR4]) + questions(b, [a.address]))

	def test_another_guest_takes_the_datagram_socket_over(self):
		network = self.start('shared', *net.subnet(1), test=self)
		first = self.guest(network, 'first', dgram=True, test=self)
		first.disconnect()
		second = self.guest(network, 'second', dgram=True, test=self)
		self.assert_reach(questions(second, [net.gateway(1)]))

	def test_two_processes_serve_at_once_and_one_outlives_the_other(self):
		networks = [self.start_alone('shared', *net.subnet(number), name=str(number)) for number in (1, 2)]
		with networks[1]:
			with networks[0]:
				a, b = (self.guest(network, network.name, test=self) for network in networks)
				self.assert_reach(questions(a, [FAR4]) + questions(b, [FAR4]))
			self.assert_reach(questions(b, [FAR4, net.gateway(2)]), closed=questions(a, [FAR4]))

	def test_nothing_is_left_at_the_end(self):
		before = net.host_state()
		with self.start_alone('shared', *net.subnet(1)) as network:
			self.guest(network, 'a', test=self)
			self.assertEqual(network.stop(), 0)
			self.assertFalse(os.path.exists(network.stream) or os.path.exists(network.dgram))
		self.assertEqual(net.host_state(), before)

	def test_what_a_killed_process_leaves_is_no_hindrance_and_gone_after_the_next(self):
		before = net.host_state(settings=False)	# see docs/networks.md
		with self.start_alone('shared', *net.subnet(1)) as network:
			self.guest(network, 'a', test=self)
			network.kill()
		with self.start_alone('shared', *net.subnet(1)) as network:
			self.assert_reach(questions(self.guest(network, 'b', test=self), [net.gateway(1), FAR4]))
		self.assertEqual(net.host_state(settings=False), before)
		self.assertFalse(os.path.exists(network.stream) or os.path.exists(network.dgram))

	def test_a_socket_that_is_served_is_not_taken_over(self):
		network = self.start('shared', *net.subnet(1), test=self)
		with self.assertRaises(harness.Failure) as refused:
			self.start('shared', *net.subnet(2), test=self)
		self.assertIn(network.stream, str(refused.exception))
		self.assert_reach(questions(self.guest(network, 'a', test=self), [net.gateway(1)]))


def flood(guest, to, count):
	"""Datagrams of a whole packet to a guest's address, without waiting for anything."""
	with guest, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
		for number in range(count):
			sock.sendto(struct.pack('>I', number).ljust(1400, b'.'), (to.address, 9))


class User(Rules, NetCase):
	"""user"""


class Kernel(Rules, NetCase):
	"""kernel"""
	network = 'kernel'


class Vmnet(Rules, NetCase):
	"""vmnet"""
	network = 'vmnet'
	many = 31	# and the network's own: a host of macOS has 32 interfaces
