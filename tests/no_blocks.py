# SPDX-License-Identifier: BSD-3-Clause
"""no_blocks.py - what stands for tests that this build could not be given: skipped, and why

	python3 tests/tap.py tests/no_blocks.py		with WHY in the environment
"""

import os
import unittest


class Skipped(unittest.TestCase):
	@unittest.skip(os.environ['WHY'])
	def test_all_of_it(self):
		pass
