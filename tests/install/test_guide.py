# SPDX-License-Identifier: BSD-3-Clause
"""The guide's code is the examples' code.

A fenced block that begins with ```c FILE is an excerpt of examples/FILE: its lines stand there, next to
each other and indented alike but for what all of them have in common. "..." on a line of its own
leaves out lines.
"""

import re
import textwrap
import unittest

import api

GUIDE = api.read(f'{api.ROOT}/docs/guide.md')
BLOCKS = re.findall(r'^```(\S+) ?([^\n]*)\n(.*?)^```$', GUIDE, re.M | re.S)


def pieces(code):
	return [piece.strip('\n').split('\n') for piece in re.split(r'^\s*\.\.\.\n', code, flags=re.M)]


def find(piece, lines, start):
	"""The line behind the excerpt, or None."""
	want = textwrap.dedent('\n'.join(piece))
	for at in range(start, len(lines) - len(piece) + 1):
		if textwrap.dedent('\n'.join(lines[at:at + len(piece)])) == want:
			return at + len(piece)
	return None


class Guide(unittest.TestCase):
	def test_every_block_of_C_names_its_file(self):
		"""every block of C names its file"""
		self.assertTrue(BLOCKS)
		for language, file, code in BLOCKS:
			if language == 'c':
				self.assertTrue(file, code)

	def test_code_is_an_excerpt_of_its_example(self):
		for language, file, code in BLOCKS:
			if language != 'c':
				continue
			lines = [line.rstrip() for line in api.read(f'{api.ROOT}/examples/{file}').split('\n')]
			at = 0
			for piece in pieces(code):
				with self.subTest(file=file):
					at = find(piece, lines, at)
					self.assertIsNotNone(at, f'not in examples/{file}:\n' + '\n'.join(piece))
