# SPDX-License-Identifier: BSD-3-Clause
"""two_networks - what holds in every mode with a gateway: guests a and b in one network, guest c in another"""

import net_fixture as net
from net_fixture import HOST4, HOST6, questions


class TwoNetworks:
	"""Of a NetCase, with a `mode`."""
	isolated = False

	@classmethod
	def options(cls, number):
		"""Of network number 1 or 2."""
		return [*net.subnet(number), *(['--isolated'] if cls.isolated else [])]

	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		first = cls.start(cls.mode, *cls.options(1), name='first')
		second = cls.start(cls.mode, *cls.options(2), name='second')
		cls.a, cls.b, cls.c = cls.guest(first, 'a'), cls.guest(first, 'b'), cls.guest(second, 'c')
		cls.gateways = [net.gateway(1), cls.a.gateway6]

	def test_guests_of_one_network_reach_each_other(self):
		both_ways = questions(self.a, self.b.addresses()) + questions(self.b, self.a.addresses())
		own = questions([self.a, self.b], self.gateways)
		if self.isolated:
			self.assert_reach(own, closed=both_ways)
		else:
			self.assert_reach(own + both_ways)

	def test_guests_of_different_networks_do_not_reach_each_other(self):
		self.assert_reach(questions(self.a, self.gateways),
				  closed=questions(self.a, self.c.addresses()) + questions(self.c, self.a.addresses()))

	def test_the_gateways_addresses_lead_to_what_the_host_offers_everywhere(self):
		self.assert_reach(questions([self.a, self.b], self.gateways))

	def test_the_outside_reaches_no_guest(self):
		self.assert_reach(questions(net.outside, [HOST4, HOST6]),
				  closed=questions(net.outside, self.a.addresses()))
