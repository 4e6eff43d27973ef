# SPDX-License-Identifier: BSD-3-Clause
"""What the public headers declare."""

import glob
import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
HEADERS = sorted(glob.glob(f'{ROOT}/include/outrigger/*.h'))


def read(path):
	with open(path, encoding='utf-8') as file:
		return file.read()


def functions():
	"""The functions declared with RIG_API."""
	found = set()
	for header in HEADERS:
		code = re.sub(r'/\*.*?\*/|^#.*?$', '', read(header), flags=re.S | re.M)
		found |= set(re.findall(r'\bRIG_API\b[^;()]*\b(\w+)\(', code))
	return found
