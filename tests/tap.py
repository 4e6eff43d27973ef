#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tap.py - run unittest cases and report each as a line of TAP, so that meson shows it

	python3 tests/tap.py tests/vm/test_dhcp.py [WORD...]

A test's name is its method's docstring's first line, else the method's name in words.
Of several WORDs each must occur in the name of a test to run it. Only TAP goes to
stdout: what tests and their children print there goes to stderr. Status 1: a failure.
"""

import importlib.util
import os
import signal
import sys
import unittest


class Tap(unittest.TestResult):
	def __init__(self, stream):
		super().__init__()
		self.stream, self.n, self.bad, self.reported = stream, 0, 0, None
		self.line('TAP version 13')

	def finish(self):
		self.line(f'1..{self.n}')	# last, so that its absence tells of a crash
		return 1 if self.bad else 0

	def line(self, text):
		self.stream.write(text + '\n')
		self.stream.flush()

	def report(self, ok, test, directive='', details=''):
		if self.reported is not test:	# else its cleanup failed, too
			self.n += 1
			self.line(f'{"ok" if ok else "not ok"} {self.n} - {name(test)}{directive}')
			self.bad += not ok
			self.reported = test
		for each in details.rstrip('\n').split('\n') if details else ():
			self.line('# ' + each)
		if details:	# again, because of TAP meson shows no comments
			print(f'--- {name(test)}\n{details}', file=sys.stderr, flush=True)

	def addSuccess(self, test):
		self.report(True, test)

	def addFailure(self, test, error):
		self.report(False, test, details=self._exc_info_to_string(error, test))

	addError = addFailure

	def addSkip(self, test, reason):
		self.report(True, test, f' # SKIP {reason}')

	def addExpectedFailure(self, test, error):
		self.report(False, test, ' # TODO expected')
		self.bad -= 1

	def addUnexpectedSuccess(self, test):
		self.report(False, test, details='passed, but is marked as an expected failure')

	def addSubTest(self, test, subtest, error):
		if error:
			self.report(False, test,
				    details=f'{subtest}\n{self._exc_info_to_string(error, test)}')

	def stopTest(self, test):
		super().stopTest(test)
		if self.reported is not test:
			self.report(True, test)


def name(test):
	if not hasattr(test, '_testMethodName'):	# setUpClass or setUpModule failed
		return str(test).replace('#', '')
	text = test.shortDescription() or test._testMethodName.removeprefix('test_').replace('_', ' ')
	return text.replace('#', '')


def tests_in(suite):
	for each in suite:
		if isinstance(each, unittest.TestSuite):
			yield from tests_in(each)
		else:
			yield each


def main(path, words):
	out = os.fdopen(os.dup(1), 'w')
	os.dup2(2, 1)
	# meson ends a test that takes too long with SIGTERM: leave every `with` block then.
	signal.signal(signal.SIGTERM, interrupt)
	sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
	spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
	module = importlib.util.module_from_spec(spec)
	sys.modules[spec.name] = module
	spec.loader.exec_module(module)
	tests = [test for test in tests_in(unittest.defaultTestLoader.loadTestsFromModule(module))
		 if all(word in name(test) for word in words)]
	result = Tap(out)
	unittest.TestSuite(tests).run(result)
	return result.finish()


def interrupt(*_):
	raise KeyboardInterrupt


if __name__ == '__main__':
	if len(sys.argv) < 2:
		sys.exit(__doc__)
	sys.exit(main(sys.argv[1], sys.argv[2:]))
