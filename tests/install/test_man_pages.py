# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages of the library, which scripts/api-man makes from its headers."""

import os
import re
import shutil
import subprocess
import unittest

import api

MAN3 = os.environ['MAN3']
PAGES = sorted(os.listdir(MAN3))


class ManPages(unittest.TestCase):
	def test_every_public_function_has_a_page(self):
		names = {page.removesuffix('.3') for page in PAGES}
		self.assertEqual(sorted(api.functions() - names), [])

	def test_there_are_overviews_of_client_and_server(self):
		self.assertIn('outrigger-client.3', PAGES)
		self.assertIn('outrigger-server.3', PAGES)

	def test_an_alias_leads_to_a_page_that_has_its_name(self):
		for page in PAGES:
			alias = re.fullmatch(r'\.so man3/(.*)\n', api.read(f'{MAN3}/{page}'))
			if alias:
				with self.subTest(page=page):
					self.assertRegex(api.read(f'{MAN3}/{alias[1]}'),
							 rf'(?m)^\.Nm {page.removesuffix(".3")}\b')

	def test_references_lead_somewhere(self):
		for page in PAGES:
			for name in re.findall(r'^\.Xr (\S+) 3', api.read(f'{MAN3}/{page}'), re.M):
				self.assertIn(f'{name}.3', PAGES, page)

	@unittest.skipUnless(shutil.which('mandoc'), 'mandoc is not installed')
	def test_mandoc_has_no_warnings(self):
		paths = [f'{MAN3}/{page}' for page in PAGES if not api.read(f'{MAN3}/{page}').startswith('.so ')]
		done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', *paths,
				       f'{api.ROOT}/docs/outrigger.1', f'{api.ROOT}/docs/outrigger-ctl.1',
				       f'{api.ROOT}/docs/outrigger.conf.5'],
				      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
		self.assertEqual((done.returncode, done.stdout), (0, ''))
