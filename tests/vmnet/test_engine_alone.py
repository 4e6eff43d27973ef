# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/check-macos runs on a Mac, here on libvmnet: the engine without the rest of outrigger."""

import os
import subprocess
import tempfile
import unittest

PROGRAM = os.environ['ENGINE_ALONE']


class Alone(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())

    def run_it(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=100,
                              env={**os.environ, 'OUTRIGGER_VMNET_DIR': os.path.join(self.directory, 'vmnet')})

    def assert_offered(self, mode, prefix):
        result = self.run_it(mode)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        self.assertRegex(result.stdout, f'^offered {prefix}')

    def test_an_address_in_shared_mode(self):
        self.assert_offered('shared', '192.168.64.')

    def test_an_address_in_host_mode(self):
        self.assert_offered('host', '192.168.128.')

    def test_an_interface_that_is_none_is_refused(self):
        result = self.run_it('bridged', 'nonesuch')
        self.assertEqual(result.returncode, 1)
        self.assertIn('--ifname nonesuch: ', result.stderr)


if __name__ == '__main__':
    unittest.main()
