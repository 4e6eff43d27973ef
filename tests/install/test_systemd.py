# SPDX-License-Identifier: BSD-3-Clause
"""The units of systemd: what systemd itself says of them, and that they serve what the example describes."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import api

BUILD = os.environ['BUILD']
OUTRIGGER = os.environ['OUTRIGGER']
SERVICE = 'outrigger-net@.service'
SOCKET = 'outrigger-net@.socket'


def service():
	return api.read(f'{BUILD}/systemd/{SERVICE}')


def commands(key):
	"""What a service's ExecStart and the like run, for the instance "guests"."""
	return [line.replace('%i', 'guests').split() for line in re.findall(rf'(?m)^{key}=(.*)', service())]


class Systemd(unittest.TestCase):
	def test_no_placeholder_is_left(self):
		self.assertNotRegex(service(), r'@[a-z]+@')

	@unittest.skipUnless(shutil.which('systemd-analyze'), 'systemd-analyze is not installed')
	def test_systemd_has_nothing_to_say_against_them(self):
		with tempfile.TemporaryDirectory() as folder:
			with open(f'{folder}/{SERVICE}', 'w', encoding='utf-8') as file:
				# Not installed yet: where it is built.
				file.write(re.sub(r'(?m)^(Exec\w+=)/\S*/outrigger ', rf'\1{OUTRIGGER} ', service()))
			shutil.copy(f'{api.ROOT}/systemd/{SOCKET}', folder)
			for unit in (SERVICE, SOCKET):
				done = subprocess.run(['systemd-analyze', 'verify', '--man=no', f'{folder}/{unit}'],
						      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
						      env={**os.environ, 'SYSTEMD_UNIT_PATH': f'{folder}:'})
				said = [line for line in done.stdout.splitlines() if 'outrigger' in line]
				self.assertEqual((done.returncode, said), (0, []), done.stdout)

	def test_they_run_commands_that_there_are(self):
		for command in commands('ExecStart') + commands('ExecReload')[:1]:
			self.assertEqual(command[1:4], ['net', '--config', '/etc/outrigger/guests.conf'])
			command = [OUTRIGGER, *command[1:3], f'{api.ROOT}/examples/outrigger.conf', *command[4:]]
			done = subprocess.run([*command, '--check'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
					      text=True)
			self.assertEqual((done.returncode, done.stdout), (0, f'{command[3]}: ok\n'))

	def test_a_reload_checks_the_file_before_it_tells_the_process(self):
		check, hang_up = commands('ExecReload')
		self.assertEqual(check[-1], '--check')
		self.assertEqual(hang_up, ['kill', '-HUP', '$MAINPID'])

	def test_the_example_is_for_the_directory_that_the_service_makes(self):
		self.assertIn('\nRuntimeDirectory=outrigger/%i\n', service())
		paths = re.findall(r'/run/\S+?(?=[,\s])', api.read(f'{api.ROOT}/examples/outrigger.conf'))
		self.assertEqual({os.path.dirname(path) for path in paths}, {'/run/outrigger/guests'})
