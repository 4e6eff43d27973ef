# SPDX-License-Identifier: BSD-3-Clause
"""net_fixture - a host of its own, an outside, and guests that are Linux network stacks

	 guest a    guest b                     each in a namespace of its own
	  eth0       eth0
	+--+----------+-------------------------------------------------+
	| outrigger net ...                              the host       |
	|   offers port 7000 at all addresses, 7001 at its loopback     |
	|   its resolver is the outside's                               |
	+--+------------------------------------------------------------+
	   | up0: 198.51.100.1, 2001:db8:1::1, the default route
	+--+------------------------------------------------------------+
	|  198.51.100.2, 2001:db8:1::2                   the outside    |
	|  203.0.113.1, 2001:db8::1     somebody far away; DNS          |
	|  169.254.169.254, fd00:ec2::254   a cloud's metadata          |
	|  offers port 7000 at all of these; has routes to all guests,  |
	|  so that what does not get in is kept out, and not just lost  |
	+---------------------------------------------------------------+

setUpModule = net_fixture.become_host makes the test's process that host; without root, or namespaces,
the tests are skipped. NetCase has what tests are made of.
"""

import itertools
import os
import shutil
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'vm'))

import clients
import harness
import sandbox
from guest import Guest
from netns import Namespace, call
from pump import Pump
from reach import Question, ask
from servers import LOOPBACK_PORT, PORT, Servers

HOST4, HOST6 = '198.51.100.1', '2001:db8:1::1'
NEAR4, NEAR6 = '198.51.100.2', '2001:db8:1::2'
FAR4, FAR6 = '203.0.113.1', '2001:db8::1'
METADATA = ['169.254.169.254', 'fd00:ec2::254']
OUTSIDE = [NEAR4, NEAR6, FAR4, FAR6]
ALL = ('tcp', 'udp', 'icmp')

host = outside = servers = pump = None


def become_host():
	"""Skips where this is not possible."""
	global host, outside, servers, pump
	if os.geteuid() != 0:
		raise unittest.SkipTest('needs root, for network namespaces')
	if not shutil.which('ip'):
		raise unittest.SkipTest('needs ip: install iproute2')
	if not os.access('/dev/net/tun', os.R_OK | os.W_OK):
		raise unittest.SkipTest('needs /dev/net/tun, to read and write')
	try:
		call('unshare', sandbox.CLONE_NEWNET | sandbox.CLONE_NEWNS)
	except OSError as error:
		raise unittest.SkipTest(f'needs namespaces: {error}') from None
	mount(None, '/', None, sandbox.MS_REC | sandbox.MS_PRIVATE)
	mount('tmpfs', '/run', 'tmpfs')
	with open('/run/resolv.conf', 'w') as file:
		file.write(f'nameserver {FAR4}\nnameserver {FAR6}\n')
	resolv_conf = os.path.realpath('/etc/resolv.conf')
	if os.environ.get('OUTRIGGER_SANDBOX') == 'yes':
		call('umount2', resolv_conf.encode(), 0)	# sandbox.py's own: a deleted file takes no mount
	mount('/run/resolv.conf', resolv_conf, None, sandbox.MS_BIND)
	host, outside = Namespace('host', own=True), Namespace('outside')
	connect_outside()
	servers, pump = Servers(), Pump()
	servers.open_all(host)
	for address in OUTSIDE + METADATA:
		servers.open(outside, address, PORT)
	with outside:
		sandbox.start_resolver(FAR4, FAR6)


def mount(source, target, kind, flags=0):
	call('mount', source and source.encode(), target.encode(), kind and kind.encode(), flags, None)


def cable(namespace, name):
	"""Connect a namespace, which has it as eth0, to the host."""
	host.ip(f'link add {name} type veth peer name eth0')
	with namespace:
		there = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
	host.ip(f'link set eth0 netns /proc/{os.getpid()}/fd/{there}')
	os.close(there)
	host.ip(f'link set {name} up')
	namespace.ip('link set eth0 up')


def connect_outside():
	host.sysctl('ipv6/conf/default/accept_ra', 0)	# of segments that tests make
	host.ip('link set lo up')
	cable(outside, 'up0')
	host.ip(f'address add {HOST4}/24 dev up0', f'address add {HOST6}/64 dev up0 nodad')
	outside.ip(f'address add {NEAR4}/24 dev eth0', f'address add {NEAR6}/64 dev eth0 nodad',
		   *(f'address add {address} dev lo' + (' nodad' if ':' in address else '')
		     for address in (FAR4, FAR6, *METADATA)),
		   *(f'route add {subnet} via {HOST4}' for subnet in ('10.0.0.0/8', '192.168.0.0/16')),
		   f'route add fd00::/16 via {HOST6}')
	host.ip(f'route add default via {NEAR4}', f'route add default via {NEAR6}')
	host.sysctl('ipv4/ping_group_range', '0 0')	# as distributions have it: for everybody


def host_state(settings=True):
	"""What a network may make on the host, and must take back: as text."""
	rules = host.run('nft', 'list', 'ruleset') if shutil.which('nft') else ''
	routes = host.run('ip', 'route') + host.run('ip', '-6', 'route')
	forwarding = [open(f'/proc/sys/net/{name}/forwarding').read()
		      for name in ('ipv4/conf/all', 'ipv4/conf/up0', 'ipv6/conf/all') if settings]
	return '\n'.join([*host.links(), rules, routes, *forwarding])


def until(what, condition):
	deadline = harness.Deadline(30)
	while not condition():
		if not deadline.left():
			raise AssertionError(f'never: {what}')
		time.sleep(0.05)


class Network(harness.Outrigger):
	"""`outrigger net MODE` with one --stream and one --dgram socket in a folder."""

	def __init__(self, folder, mode, *options, name='net', **arguments):
		self.name = name
		self.stream, self.dgram = (os.path.join(folder, f'{name}.{kind}') for kind in ('stream', 'dgram'))
		super().__init__('net', mode, '--stream', f'path={self.stream},name={name}',
				 '--dgram', f'path={self.dgram},name={name}-dgram', *options, **arguments)


def subnet(number):
	"""Options for a network of its own: 10.77.NUMBER.0/24."""
	return ['--start-address', f'10.77.{number}.1', '--end-address', f'10.77.{number}.99',
		'--subnet-mask', '255.255.255.0']


def gateway(number):
	return f'10.77.{number}.1'


def questions(sources, addresses, protocols=ALL, **options):
	sources = sources if isinstance(sources, (list, tuple)) else [sources]
	return [Question(source, protocol, address, **options)
		for source in sources for address in addresses for protocol in protocols]


def use_vmnet(registry):
	"""libvmnet starts networks of its own: with this outrigger, registered in this folder."""
	os.environ['OUTRIGGER_PROGRAM'] = harness.OUTRIGGER
	os.environ['OUTRIGGER_VMNET_DIR'] = registry
	said = subprocess.run([harness.OUTRIGGER, 'net', 'bridged', '--network', 'vmnet', '--ifname', 'none', '--stream',
			       f'{registry}-none'], capture_output=True, text=True).stderr
	if 'was built without it' in said:
		raise unittest.SkipTest('networks of kind vmnet need a build by clang')


class NetCase(unittest.TestCase):
	"""Networks and guests that are gone after the test, or with on_class=True after its class."""

	network = 'user'	# the kind
	_numbers = itertools.count(1)

	@classmethod
	def setUpClass(cls):
		for tool in ('nft', 'dnsmasq') if cls.network == 'kernel' else ():
			if not shutil.which(tool):
				raise unittest.SkipTest(f'kernel networks need {tool}')
		cls.tmp = cls.enterClassContext(harness.TemporaryDirectory())
		if cls.network == 'vmnet':
			use_vmnet(os.path.join(cls.tmp, 'vmnet'))

	def shortDescription(self):
		words = self._testMethodName.removeprefix('test_').replace('_', ' ')
		return f'{type(self).__doc__.splitlines()[0]}: {words}' if type(self).__doc__ else words

	@classmethod
	def start(cls, mode, *options, name='net', test=None, **arguments):
		"""A network that ends with the test, or without one with the class."""
		network = Network(cls.tmp, mode, '--network', cls.network, *options, name=name, **arguments)
		return test.enterContext(network) if test else cls.enterClassContext(network)

	def start_alone(self, mode, *options, name='net', **arguments):
		"""A network for a `with` block."""
		return Network(self.tmp, mode, '--network', self.network, *options, name=name, **arguments)

	@classmethod
	def guest(cls, network, name, dhcp=True, test=None, mac=None, **options):
		"""A guest at the network's stream socket, or with dgram=True the other one."""
		number = next(cls._numbers)
		guest = Guest(pump, network.dgram if options.get('dgram') else network.stream,
			      mac or f'52:54:00:77:{number >> 8:02x}:{number & 255:02x}', name, **options)
		(test.addCleanup if test else cls.addClassCleanup)(guest.close)
		servers_of = servers.open_all(guest)
		(test.addCleanup if test else cls.addClassCleanup)(servers.close, servers_of)
		if dhcp and not guest.dhcp(name):
			raise AssertionError(f'{name}: no lease\n{network.stderr()}')
		return guest

	def assert_reach(self, reached=(), closed=()):
		"""Ask all questions at once: these have answers, those have none. Returns the answers of the first."""
		reached, closed = list(reached), list(closed)
		answers = ask(reached + closed, len(reached))
		missing = [str(question) for question in reached if question.answer is None]
		wrong = [f'{question}: {question.answer}' for question in closed if question.answer is not None]
		self.assertFalse(missing or wrong, f'not reached: {missing}, but reached: {wrong}')
		return answers[:len(reached)]
