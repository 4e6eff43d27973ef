# SPDX-License-Identifier: BSD-3-Clause
"""src/net/vmnet: what it is written with. It has to build with the header of each macOS since 10.15, and to run
on systems that are no Linux; and what reviewers asked of QEMU's netdevs in style."""

import glob
import os
import re
import shutil
import subprocess
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
ENGINE = sorted(path for path in glob.glob(os.path.join(ROOT, 'src', 'net', 'vmnet', '*.c'))
                if not path.endswith('absent.c'))
RELEASES = {'10.15': 101500, '11': 110000, '12': 120000, '13': 130000, '15': 150000, '15.4': 150400, '26': 260000}

# All that macOS has, too.
HEADERS = {'arpa/inet.h', 'dlfcn.h', 'errno.h', 'inttypes.h', 'netinet/in.h', 'stdatomic.h', 'stdbool.h', 'stddef.h',
           'stdint.h', 'stdio.h', 'stdlib.h', 'string.h', 'sys/uio.h', 'uv.h', 'vmnet/vmnet.h'}
FOLDERS = ('net/', 'virtio/', 'sys/')


def text_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def code_of(path):
    """Without comments and strings."""
    return re.sub(r'/\*.*?\*/|"(\\.|[^"\\])*"', '', text_of(path), flags=re.S)


def compile_with(release, source, *options):
    include = [f'-I{os.path.join(ROOT, folder)}' for folder in
               ('include', 'src', 'src/vmnet/include', 'src/darwin/include')]
    flags = subprocess.run(['pkg-config', '--cflags', 'libuv', 'uuid'], capture_output=True, text=True, check=True)
    return subprocess.run(['clang', '-std=gnu17', '-fblocks', '-fsyntax-only', '-Wall', '-Wextra', '-Werror',
                           '-Wno-unused-parameter', '-Wno-missing-field-initializers', '-Wformat=2', '-D_GNU_SOURCE',
                           f'-DVMNET_API={release}', f'-D__MAC_OS_X_VERSION_MAX_ALLOWED={release}', *include,
                           *flags.stdout.split(), *options, source], capture_output=True, text=True)


@unittest.skipUnless(shutil.which('clang'), 'needs clang, for blocks')
class Releases(unittest.TestCase):
    def test_the_engine_builds_with_the_header_of_each_release(self):
        for name, release in RELEASES.items():
            for source in ENGINE:
                with self.subTest(release=name, source=os.path.basename(source)):
                    result = compile_with(release, source)
                    self.assertEqual(result.returncode, 0, result.stderr)

    def test_what_an_older_header_lacks_does_not_build(self):
        """The test above could fail."""
        use = '-include', 'vmnet/vmnet.h', '-DNAME=vmnet_enable_isolation_key', '-x', 'c'
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'use_a_name.inc')
        self.assertNotEqual(compile_with(RELEASES['10.15'], source, *use).returncode, 0)
        self.assertEqual(compile_with(RELEASES['11'], source, *use).returncode, 0)


class Sources(unittest.TestCase):
    def test_nothing_is_included_that_only_linux_has(self):
        for path in ENGINE + [source[:-1] + 'h' for source in ENGINE if os.path.exists(source[:-1] + 'h')]:
            for header in re.findall(r'^#include [<"]([^>"]+)', text_of(path), flags=re.M):
                with self.subTest(source=os.path.basename(path), header=header):
                    self.assertTrue(header in HEADERS or header.startswith(FOLDERS))

    def test_r3_no_goto(self):
        for path in ENGINE:
            self.assertNotRegex(code_of(path), r'\bgoto\b', path)

    def test_r7_no_number_of_64_bits_is_printed_by_a_length_modifier(self):
        for path in ENGINE:
            self.assertNotRegex(text_of(path), r'%[-+ #0-9.*]*l+[diux]', path)

    def test_r9_no_double_semicolon(self):
        for path in ENGINE:
            self.assertNotRegex(code_of(path), r';\s*;', path)

    def test_r10_nothing_ends_the_program_by_an_assertion(self):
        for path in ENGINE:
            self.assertNotRegex(code_of(path), r'\b(assert|abort|__builtin_unreachable)\s*\(', path)


if __name__ == '__main__':
    unittest.main()
