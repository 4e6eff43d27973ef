# SPDX-License-Identifier: BSD-3-Clause
"""The examples do what they say: clients have each device add up a MiB, or carry its state over."""

import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import api

EXAMPLES = os.path.join(os.environ['BUILD'], 'examples')
SUM = sum(range(256)) * (1 << 20) // 256	# the memory holds 0 to 255, again and again
SAYS = f'regions: 9, interrupts: 5\ninterrupt\nsum: {SUM}\n'


class Device:
	"""A device that serves on a path of its own."""

	def __init__(self, name):
		self.name = name

	def __enter__(self):
		self.folder = tempfile.TemporaryDirectory()
		self.path = os.path.join(self.folder.name, 'adder.sock')
		self.process = subprocess.Popen([f'{EXAMPLES}/{self.name}', self.path])
		until = time.monotonic() + 30
		while not self.listens():
			if time.monotonic() > until or self.process.poll() is not None:
				self.__exit__()
				raise AssertionError(f'{self.name} does not listen')
			time.sleep(0.01)
		return self.path

	def listens(self):
		with socket.socket(socket.AF_UNIX) as probe:
			return probe.connect_ex(self.path) == 0

	def __exit__(self, *_):
		self.process.terminate()
		try:
			status = self.process.wait(30)
		finally:
			self.process.kill()
			self.folder.cleanup()
		assert status in (0, -signal.SIGTERM), f'{self.name} ended with status {status}'


def output(client, *paths):
	return subprocess.run([f'{EXAMPLES}/{client}', *paths], stdout=subprocess.PIPE, text=True,
			      timeout=60, check=True).stdout


class Examples(unittest.TestCase):
	def runs(self, client):
		for device in 'example-device', 'device_worker':
			with self.subTest(device=device), Device(device) as path:
				for _ in range(2):	# the device outlives its client
					self.assertEqual(output(client, path), SAYS)

	def test_a_client_in_a_poll_loop(self):
		self.runs('client_poll')

	def test_a_client_in_a_libuv_loop(self):
		self.runs('client_uv')

	def test_a_client_in_a_GLib_main_loop(self):
		"""a client in a GLib main loop"""
		self.runs('client_glib')

	def test_a_client_in_coroutines(self):
		self.runs('client_coroutine')

	def test_a_devices_state_is_carried_over(self):
		"""a device's state is carried over"""
		with Device('device_worker') as one, Device('device_worker') as other:
			for paths in (one, other), (other, one):
				self.assertRegex(output('client_move', *paths), r'^state: \d+ bytes\nlength: 4711\n$')

	def test_what_the_readme_does_with_an_example(self):
		commands = re.findall(r'^    build/(src/cli/outrigger) inspect /tmp/device.sock (.*)$',
				      api.read(f'{api.ROOT}/README.md'), re.M)
		self.assertEqual(len(commands), 2)
		with Device('device_worker') as path:
			for program, actions in commands:
				subprocess.run([f"{os.environ['BUILD']}/{program}", 'inspect', path,
						*shlex.split(actions)], cwd=os.path.dirname(path),
					       stdout=subprocess.PIPE, timeout=60, check=True)
