# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger net --network vmnet` as a user starts it, without any of libvmnet's variables."""
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../spec"))

import fixture  # noqa: E402


class Command(unittest.TestCase):
    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)
        self.stream = self.directory.join("stream")
        self.arguments = ["net", "host", "--network", "vmnet", "--stream", self.stream]
        self.env = {name: value for name, value in os.environ.items()
                    if name not in ("OUTRIGGER_PROGRAM", "OUTRIGGER_VMNET_LOG")}
        self.env["OUTRIGGER_VMNET_DIR"] = self.directory.join("vmnet")

    def refused(self, **env):
        done = subprocess.run([fixture.executable(), *self.arguments], env={**self.env, **env}, capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_the_networks_behind_it_are_of_the_same_program(self):
        server = fixture.Server([self.stream], self.arguments, env=self.env)
        self.addCleanup(server.kill)
        server.stop()

    def test_a_program_that_is_named_is_the_one_that_is_started(self):
        self.assertIn("/nowhere/outrigger", self.refused(OUTRIGGER_PROGRAM="/nowhere/outrigger"))

    def test_what_libvmnet_says_goes_where_it_was_told(self):
        log = self.directory.join("log")
        said = self.refused(OUTRIGGER_PROGRAM="/nowhere/outrigger", OUTRIGGER_VMNET_LOG=log)
        self.assertNotIn("/nowhere/outrigger", said)
        with open(log) as file:
            self.assertIn("/nowhere/outrigger", file.read())


if __name__ == "__main__":
    unittest.main()
