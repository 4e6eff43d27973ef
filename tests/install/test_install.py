# SPDX-License-Identifier: BSD-3-Clause
"""The installed library from the outside: a throw-away tree is all that these programs see.

	meson install --destdir TREE -> pkg-config -> plain cc and c++ -> run
"""

import os
import re
import shlex
import subprocess
import tempfile
import unittest

import api

HERE = os.path.dirname(os.path.abspath(__file__))
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Werror']


def run(*command, **options):
	"""Its output; a failure brings along what it said."""
	done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
			      timeout=200, **options)
	if done.returncode != 0:
		raise AssertionError(f'{shlex.join(command)}\nstatus {done.returncode}\n{done.stdout}')
	return done.stdout


def installed(name):
	"""The folder in which it is."""
	for folder, _, files in os.walk(tree):
		if name in files:
			return folder
	raise AssertionError(f'{name} is not installed')


def cpp_compiler(command):
	"""The C++ compiler that belongs to a C compiler: their sanitizers do not mix."""
	*wrapper, name = command
	folder, name = os.path.split(name)
	name = re.sub('clang|gcc|cc', lambda found: {'clang': 'clang++', 'gcc': 'g++', 'cc': 'c++'}[found[0]],
		      name, count=1)
	return [*wrapper, os.path.join(folder, name)]


def setUpModule():
	global tree, environ, compilers
	tree = unittest.enterModuleContext(tempfile.TemporaryDirectory())
	run(os.environ['MESON'], 'install', '-C', os.environ['BUILD'], '--no-rebuild', '--destdir', tree)
	environ = {**os.environ, 'PKG_CONFIG_SYSROOT_DIR': tree,
		   'PKG_CONFIG_PATH': installed('outrigger.pc'),
		   'LD_LIBRARY_PATH': installed('liboutrigger.so')}
	cc = shlex.split(os.environ['CC'])
	# Programs need the library's sanitizer, because it has to be there first.
	sanitizer = os.environ['SANITIZE']
	flags = WARNINGS if sanitizer == 'none' else [*WARNINGS, f'-fsanitize={sanitizer}']
	compilers = {'c': [*cc, '-std=c17', *flags], 'c++': [*cpp_compiler(cc), '-std=c++17', *flags]}


def pkg_config(*options):
	return shlex.split(run('pkg-config', *options, 'outrigger', env=environ))


class Headers(unittest.TestCase):
	def test_every_public_header_is_installed_and_no_other(self):
		headers = os.listdir(installed('client.h'))
		self.assertEqual(sorted(headers), [os.path.basename(path) for path in api.HEADERS])

	def test_each_header_compiles_alone_in_C_and_in_Cpp(self):
		"""each header compiles alone, in C and in C++"""
		for path in api.HEADERS:
			for language, compiler in compilers.items():
				with self.subTest(header=os.path.basename(path), language=language):
					run(*compiler, *pkg_config('--cflags'), '-fsyntax-only', '-x', language, '-',
					    input=f'#include <outrigger/{os.path.basename(path)}>\n')


class Service(unittest.TestCase):
	def test_units_are_where_systemd_looks_for_them(self):
		for unit in ('outrigger-net@.service', 'outrigger-net@.socket'):
			self.assertTrue(installed(unit).endswith('/lib/systemd/system'), unit)

	def test_manuals_of_command_and_file_are_installed(self):
		self.assertTrue(installed('outrigger.1').endswith('/man1'))
		self.assertTrue(installed('outrigger.conf.5').endswith('/man5'))


class Programs(unittest.TestCase):
	def build_and_run(self, language, source):
		program = f'{tree}/consumer'
		run(*compilers[language], os.path.join(HERE, source), '-o', program,
		    *pkg_config('--cflags', '--libs'), '-pthread')
		self.assertEqual(run(program, env=environ), 'hello\n')

	def test_a_C_program_is_client_and_server(self):
		"""a C program is client and server"""
		self.build_and_run('c', 'consumer.c')

	def test_a_Cpp_program_is_client_and_server(self):
		"""a C++ program is client and server"""
		self.build_and_run('c++', 'consumer.cpp')


class Library(unittest.TestCase):
	def test_pkg_config_knows_the_version(self):
		version = run('pkg-config', '--modversion', 'outrigger', env=environ).strip()
		self.assertTrue(os.path.exists(f'{installed("liboutrigger.so")}/liboutrigger.so.{version}'))

	def test_programs_ask_for_the_soname(self):
		library = f'{installed("liboutrigger.so")}/liboutrigger.so'
		self.assertIn('[liboutrigger.so.0]', run('readelf', '-d', library))

	def test_the_symbol_map_lists_what_the_headers_declare(self):
		text = re.sub(r'/\*.*?\*/', '', api.read(f'{api.ROOT}/src/outrigger.map'), flags=re.S)
		listed = re.findall(r'(\w+);', text)
		self.assertEqual(sorted(listed), sorted(api.functions()))

	def test_the_library_exports_what_the_headers_declare(self):
		symbols = run('nm', '-D', '--defined-only', os.environ['LIBRARY'])
		exported = {re.sub('@.*', '', name) for kind, name in re.findall(r'\b(\w) (\S+)$', symbols, re.M)
			    if kind != 'A'}	# A: the version itself
		self.assertEqual(sorted(exported), sorted(api.functions()))
