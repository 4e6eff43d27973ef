# SPDX-License-Identifier: BSD-3-Clause
"""liboutrigger-darwin from the outside: its headers, what it exports, and a program that has nothing else.

	meson install --destdir TREE -> pkg-config outrigger-darwin -> plain cc -> run
"""

import glob
import os
import re
import shlex
import subprocess
import tempfile
import unittest

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
INCLUDE = f'{SOURCE}/src/darwin/include'
HEADERS = sorted(os.path.relpath(path, INCLUDE) for path in glob.glob(f'{INCLUDE}/**/*.h', recursive=True))
CC = shlex.split(os.environ['CC'])
CLANG = 'clang' in subprocess.run([*CC, '--version'], stdout=subprocess.PIPE, text=True, check=True).stdout

PROGRAM = '''
#include <stdio.h>
#include <xpc/xpc.h>

static void count(void *n)
{
	++*(int *)n;
}

int main(void)
{
	dispatch_queue_t queue = dispatch_queue_create("alone", DISPATCH_QUEUE_SERIAL);
	xpc_object_t names = xpc_array_create(NULL, 0), name = xpc_string_create("en0");
	int n = 0;

	xpc_array_append_value(names, name);
	xpc_release(name);
	dispatch_async_f(queue, &n, count);
	dispatch_sync_f(queue, &n, count);
#ifdef __BLOCKS__
	__block int seen = 0;
	const int *now = &n;
	dispatch_sync(queue, ^{ seen = *now; });
	n = seen;
#endif
	printf("%d %s\\n", n, xpc_array_get_string(names, 0));
	xpc_release(names);
	dispatch_release(queue);
	return 0;
}
'''


def run(*command, **options):
	done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200,
			      **options)
	if done.returncode != 0:
		raise AssertionError(f'{shlex.join(command)}\nstatus {done.returncode}\n{done.stdout}')
	return done.stdout


def declared():
	"""What the headers declare with DISPATCH_API."""
	found = set()
	for header in HEADERS:
		with open(f'{INCLUDE}/{header}', encoding='utf-8') as file:
			code = re.sub(r'/\*.*?\*/|^#.*?$', '', file.read(), flags=re.S | re.M)
		for words in re.findall(r'\bDISPATCH_API\b([^;]*);', code):
			found.add(re.search(r'(\w+)\s*(\(|$)', words)[1])
	return found


class Headers(unittest.TestCase):
	def test_each_compiles_alone_in_C_and_Cpp_with_blocks_and_without(self):
		"""each compiles alone, in C and in C++, with blocks and without"""
		for header in HEADERS:
			for language in ('c', 'c++'):
				for blocks in ([], ['-fblocks']) if CLANG else ([],):
					with self.subTest(header=header, language=language, blocks=blocks):
						run(*CC, '-Wall', '-Wextra', '-Werror', '-Wundef', *blocks, f'-I{INCLUDE}',
						    '-fsyntax-only', '-x', language, '-', input=f'#include <{header}>\n')

	def test_a_release_of_macOS_can_be_chosen(self):
		"""a release of macOS can be chosen"""
		for options, value in ((), 260000), (('-D__MAC_OS_X_VERSION_MAX_ALLOWED=101500',), 101500):
			run(*CC, f'-I{INCLUDE}', *options, '-fsyntax-only', '-x', 'c', '-', input=f'''
				#include <dispatch/dispatch.h>
				_Static_assert(__MAC_OS_X_VERSION_MAX_ALLOWED == {value}, "most");
				_Static_assert(MAC_OS_X_VERSION_MIN_REQUIRED == {value}, "least");''')


class Library(unittest.TestCase):
	def test_it_exports_what_the_headers_declare_and_nothing_else(self):
		lines = run('nm', '-D', '--defined-only', os.environ['DARWIN_LIBRARY']).splitlines()
		exported = {line.split()[2].split('@')[0] for line in lines} - {'OUTRIGGER_DARWIN_0'}
		if os.environ['SANITIZE'] == 'thread':	# stand before the runtime's
			exported -= {'_Block_release', '_Block_object_dispose'}
		self.assertEqual(exported, declared())


class Installed(unittest.TestCase):
	def setUp(self):
		self.tree = self.enterContext(tempfile.TemporaryDirectory())
		run(os.environ['MESON'], 'install', '-C', os.environ['BUILD'], '--no-rebuild', '--destdir', self.tree)

	def folder(self, name):
		for folder, _, files in os.walk(self.tree):
			if name in files:
				return folder
		raise AssertionError(f'{name} is not installed')

	def test_all_headers_are_in_one_folder_of_their_own(self):
		folder = self.folder('Availability.h')
		self.assertTrue(folder.endswith('/include/outrigger-vmnet'), folder)
		for header in HEADERS:
			self.assertTrue(os.path.exists(f'{folder}/{header}'), header)

	def test_a_program_uses_it_without_the_rest(self):
		env = {**os.environ, 'PKG_CONFIG_SYSROOT_DIR': self.tree, 'PKG_CONFIG_PATH': self.folder('outrigger-darwin.pc'),
		       'LD_LIBRARY_PATH': self.folder('liboutrigger-darwin.so')}
		flags = shlex.split(run('pkg-config', '--cflags', '--libs', 'outrigger-darwin', env=env))
		sanitizer = os.environ['SANITIZE']
		more = [] if sanitizer == 'none' else [f'-fsanitize={sanitizer}']
		for blocks in ([], ['-fblocks']) if CLANG else ([],):
			program = f'{self.tree}/alone'
			run(*CC, *more, *blocks, '-Wall', '-Wextra', '-Werror', '-x', 'c', '-', '-x', 'none', *flags, '-o', program,
			    input=PROGRAM)
			self.assertEqual(run(program, env=env), '2 en0\n')
