# SPDX-License-Identifier: BSD-3-Clause
"""netns - network namespaces of one process, which need no child to hold them

	guest = Namespace('guest')
	with guest:				# this thread is in it until the block is left
		sock = socket.socket()		# and stays there, wherever it is used
	guest.ip('link set lo up', 'route add default via 10.0.0.1')

A socket belongs to the namespace in which it was made, so one thread serves and asks
in all of them. They are gone when the process is, however it ends.
"""

import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
	"""A function of libc that sets errno."""
	result = getattr(_libc, name)(*arguments)
	if result < 0:
		error = ctypes.get_errno()
		raise OSError(error, f'{name}: {os.strerror(error)}')
	return result


def _current():
	return os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)


class Namespace:
	"""@own: the one that this thread is in, instead of a new one."""

	def __init__(self, name, own=False):
		self.name = name
		self.seen = []		# what its servers were asked: see servers.py
		self._left = []		# those to return to
		before = _current()
		if own:
			self.fd = before
			return
		try:
			call('unshare', CLONE_NEWNET)
			self.fd = _current()
			call('setns', before, CLONE_NEWNET)
		finally:
			os.close(before)
		self.ip('link set lo up')

	def __enter__(self):
		self._left.append(_current())
		call('setns', self.fd, CLONE_NEWNET)
		return self

	def __exit__(self, *exception):
		before = self._left.pop()
		call('setns', before, CLONE_NEWNET)
		os.close(before)

	def close(self):
		os.close(self.fd)

	def run(self, *command, check=True, text=None):
		"""Run a command inside; returns its standard output."""
		with self:
			done = subprocess.run(command, input=text or '', text=True, timeout=60,
					      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
		if check and done.returncode:
			raise AssertionError(f'{self.name}: {" ".join(command)}: status {done.returncode}\n'
					     f'{text or ""}{done.stdout}{done.stderr}')
		return done.stdout

	def ip(self, *lines, check=True):
		"""Commands of ip(8), one per argument."""
		return self.run('ip', '-batch', '-', check=check, text='\n'.join(lines) + '\n')

	def sysctl(self, name, value):
		"""name: as "ipv6/conf/eth0/dad_transmits" """
		with self, open(f'/proc/sys/net/{name}', 'w') as file:
			file.write(str(value))

	def links(self):
		"""Names of the interfaces, lo aside."""
		lines = self.run('ip', '-o', 'link', 'show').splitlines()
		return sorted(name for name in (line.split(': ')[1].split('@')[0] for line in lines) if name != 'lo')

	def addresses6(self, interface):
		"""IPv6 addresses that may be used: a list of (address, is it link-local?)"""
		with self, open('/proc/thread-self/net/if_inet6') as file:
			rows = [line.split() for line in file]
		found = []
		for text, _, _, scope, flags, name in rows:
			if name == interface and not int(flags, 16) & 0x48:	# tentative, failed
				groups = ':'.join(text[i:i + 4] for i in range(0, 32, 4))
				found.append((groups, int(scope, 16) == 0x20))
		return found
