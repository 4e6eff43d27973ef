# SPDX-License-Identifier: BSD-3-Clause
"""traffic - what the VM tests do with a guest's network: leases, pings, transfers with checksums

Whatever runs in a guest ends by itself, also where the network does not work: else the
command port stays busy, and one failure becomes many.
"""

import contextlib
import hashlib
import ipaddress
import os
import re
import socket
import threading
import time
import unittest

import harness

MIB = 1 << 20
BULK_TIMEOUT = 300	# for what takes seconds on an idle machine, whatever else it does

# What a network may log at the default level while all is well.
EXPECTED_LOG = re.compile(r'(VMM|guest) (connected|gone)')


def needs_guests():
	"""For setUpModule(): skip where there is nothing to start guests with."""
	reason = harness.missing()
	if reason:
		raise unittest.SkipTest(reason)


def needs_sandbox():
	"""Skip where there is no "outside" that is ours: see sandbox.py."""
	sandboxed = os.environ.get('OUTRIGGER_SANDBOX', 'no: not run by tests/vm/sandbox.py')
	if sandboxed != 'yes':
		raise unittest.SkipTest(f'needs an outside of its own: {sandboxed.removeprefix("no: ")}')


class Network(harness.Outrigger):
	"""`outrigger net MODE` that, in the end, has logged nothing but guests coming and going.

	nics	names of sockets below the folder, each optionally with its MAC after a "="
	"""

	def __init__(self, mode, folder, nics, *options, expected_log=EXPECTED_LOG):
		self.paths = {}
		arguments = ['net', mode]
		for nic in nics:
			name, _, mac = nic.partition('=')
			self.paths[name] = os.path.join(folder, name)
			arguments += ['--nic', self.paths[name]] + (['--mac', mac] if mac else [])
		self.expected_log = expected_log
		super().__init__(*arguments, *options)

	def __exit__(self, kind, *exception):
		super().__exit__(kind, *exception)
		unexpected = [line for line in self.stderr().splitlines() if not self.expected_log.search(line)]
		if kind is None and unexpected:
			raise harness.Failure(f'{self} has logged\n' + '\n'.join(unexpected))


def boot(*guests):
	"""Boot several guests at once, each given by the arguments of its Guest; they end with the module."""
	started = [unittest.enterModuleContext(harness.Guest(wait=False, **arguments)) for arguments in guests]
	for guest in started:
		guest.boot()
	return started


# Addresses

def lease(guest, interface='eth0'):
	"""Ask for a lease: a dictionary of address, gateway, resolver, mtu, as far as they are told."""
	text = guest.run(f'net-up {interface}')[1]
	return dict(re.findall(r'^lease: (\S+) (\S+)', text, re.M))


def ip(text):
	"""An address, also one with its prefix's length behind it."""
	return ipaddress.ip_interface(text).ip


def lease_ip(guest, interface='eth0'):
	"""Ask for a lease that has to come: the address, as text."""
	given = lease(guest, interface)
	if 'address' not in given:
		raise harness.Failure(f'no lease on {interface}\n{guest.check("ip addr; dmesg | tail")}')
	return str(ip(given['address']))


def until(guest, condition, timeout=60):
	"""Wait in the guest until a shell command succeeds."""
	if guest.run(f"timeout {timeout} sh -c 'until {condition}; do usleep 20000; done'", timeout + 30)[0]:
		raise harness.Failure(f'`{condition}` did not come true within {timeout} s\n'
				      + guest.check('ip addr; ip -6 route; dmesg | tail'))


def until_logged(process, pattern, timeout=60):
	"""Look at a process's log until something like that is in it."""
	deadline = harness.Deadline(timeout)
	while not re.search(pattern, process.stderr()):
		if not deadline.left():
			raise harness.Failure(f'{process} has not logged `{pattern}`, but\n{process.stderr()}')
		time.sleep(0.05)


def slaac_address(guest, interface='eth0'):
	"""Wait for the address that a router advertisement brings, until it may be used: ADDRESS/LENGTH."""
	until(guest, f'ip -6 addr show dev {interface} scope global | grep inet6 | grep -qv tentative')
	return re.search(r'inet6 (\S+)', guest.check(f'ip -6 addr show dev {interface} scope global'))[1]


def link_local(guest, interface='eth0'):
	"""Wait for the link-local address."""
	until(guest, f'ip -6 addr show dev {interface} scope link | grep inet6 | grep -qv tentative')
	return str(ip(re.search(r'inet6 (\S+)', guest.check(f'ip -6 addr show dev {interface} scope link'))[1]))


def gateway6(address):
	"""The gateway of the network that has this address."""
	return str(ipaddress.ip_interface(address).network[2])


def mac(guest, interface='eth0'):
	return guest.check(f'cat /sys/class/net/{interface}/address').strip()


# Reachability

def pings(guest, address, size=56, interface=None, within=20):
	"""Does an echo request come back? Where none should, a short wait is enough."""
	option = f'-I {interface}' if interface else ''
	# One of three may be lost to a neighbour discovery that is slow on a busy machine.
	status, text = guest.run(f'ping -q -c 3 -A -w {within} -W {within // 2} -s {size} {option} {address}')
	return status == 0 and ', 0 packets received' not in text


def fetches(guest, url, within=20):
	"""Is there a web server? Where none should, a short wait is enough."""
	return guest.run(f'timeout {within} wget -q -T {within} -O /dev/null {url}')[0] == 0


def fragments(guest):
	"""How many IPv4 packets went out in pieces, and how many pieces came in."""
	names, values = (line.split() for line in guest.check('grep ^Ip: /proc/net/snmp').splitlines())
	snmp = dict(zip(names, values))
	return int(snmp['FragCreates']), int(snmp['ReasmReqds'])


# Transfers

def download_sha256(guest, url, timeout=BULK_TIMEOUT):
	return guest.check(f'wget -q -T 60 -O - {url} | sha256sum', timeout).split()[0]


class TcpServer:
	"""A thread that serves TCP connections one after the other, until its block is left."""

	def __init__(self, address='0.0.0.0'):
		family = socket.AF_INET6 if ':' in address else socket.AF_INET
		self._listening = socket.create_server((address, 0), family=family)
		self.port = self._listening.getsockname()[1]
		self._thread = threading.Thread(target=self._run, daemon=True)
		self._changed = threading.Condition()
		self._connection = None
		self.error = None

	def _run(self):
		try:
			while True:
				with self._listening.accept()[0] as connection:
					self._connection = connection
					self.serve(connection)
		except OSError as error:
			with self._changed:
				self.error = error
				self._changed.notify_all()

	def wait_for(self, what, condition, timeout=BULK_TIMEOUT):
		with self._changed:
			if not self._changed.wait_for(lambda: self.error or condition(), timeout):
				raise harness.Failure(f'not within {timeout} s: {what}')
			if self.error:
				raise harness.Failure(f'not {what}: {self.error}')

	def __enter__(self):
		self._thread.start()
		return self

	def __exit__(self, *exception):
		for sock in (self._listening, self._connection):
			if sock:
				with contextlib.suppress(OSError):
					sock.shutdown(socket.SHUT_RDWR)
		self._thread.join()
		self._listening.close()


class Sink(TcpServer):
	"""Takes what it is sent, and remembers of each connection (bytes, SHA-256)."""

	def __init__(self, address='0.0.0.0'):
		super().__init__(address)
		self.received = []

	def serve(self, connection):
		count, checksum = 0, hashlib.sha256()
		while data := connection.recv(MIB):
			checksum.update(data)
			count += len(data)
		with self._changed:
			self.received.append((count, checksum.hexdigest()))
			self._changed.notify_all()

	def wait(self):
		"""Wait for the end of a connection: its (bytes, SHA-256)."""
		self.wait_for('everything received', lambda: self.received)
		return self.received.pop(0)


class Stream(TcpServer):
	"""Sends without end, at some MiB per second, until told to finish: what a transfer is
	that goes on while something else happens, however long that takes."""

	BLOCK = 1 << 16
	PAUSE = 0.03	# seconds between blocks, which leave a processor for the something else

	def __init__(self, address='0.0.0.0'):
		super().__init__(address)
		self.sent = 0
		self._checksum = hashlib.sha256()
		self._finish = threading.Event()
		self._ended = False

	def serve(self, connection):
		for block in harness.content(1 << 62):
			connection.sendall(block)
			self._checksum.update(block)
			with self._changed:
				self.sent += len(block)
				self._changed.notify_all()
			if self._finish.wait(self.PAUSE):
				break
		with self._changed:
			self._ended = True
			self._changed.notify_all()

	def wait_more(self, size=2 * MIB):
		"""Wait until that much more has been sent."""
		goal = self.sent + size
		self.wait_for(f'{size} bytes sent', lambda: self.sent >= goal)

	def finish(self):
		"""Send no more; returns the SHA-256 of everything."""
		self._finish.set()
		self.wait_for('the end sent', lambda: self._ended)
		return self._checksum.hexdigest()

	def __exit__(self, *exception):
		self._finish.set()
		super().__exit__(*exception)
