# SPDX-License-Identifier: BSD-3-Clause
"""Processes that open networks by src/vmnet's backend (backend_tool.c), and the registry that they share."""
import os
import select
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../spec"))

import fixture  # noqa: E402
import vfio_user_client as vu  # noqa: E402

BUSY = 1009


class Tool:
    """One process. Each method is a line of backend_tool.c; answers that are no success are (code, sentence)."""

    def __init__(self, program, env, **popen):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, **popen)
        self.pid = self.process.pid
        self.rest = b""

    def send(self, *words):
        self.process.stdin.write(" ".join(words).encode() + b"\n")
        self.process.stdin.flush()

    def read(self):
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], 2 * vu.DEADLINE)[0]:
                raise vu.Late("no answer of backend_tool")
            part = os.read(self.process.stdout.fileno(), 4096)
            if not part:
                raise AssertionError(f"backend_tool ended with {self.process.wait()}")
            self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def ask(self, *words):
        self.send(*words)
        return self.read()

    def kill(self):
        self.process.kill()
        self.end()

    def end(self):
        self.process.stdin.close()
        status = self.process.wait()
        self.process.stdout.close()
        return status


class BackendTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = fixture.Directory()
        self.addCleanup(self.directory.remove)
        self.tools = []
        self.addCleanup(self.end_all)
        self.registry = self.directory.join("registry")
        self.env = {**os.environ, "OUTRIGGER_PROGRAM": fixture.executable(), "OUTRIGGER_VMNET_DIR": self.registry}

    def tool(self, popen=None, **env):
        tool = Tool(os.environ["OUTRIGGER_BACKEND_TOOL"], {**self.env, **env}, **(popen or {}))
        self.tools.append(tool)
        return tool

    def end_all(self):
        for tool in self.tools:
            if tool.process.returncode is None:
                tool.kill()
        self.assert_all_gone()
        for name in self.nets():
            self.assertIsNone(fixture.sanitizer_report(self.log(name)))

    def log(self, name):
        try:
            with open(os.path.join(self.registry, name, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def nets(self):
        return sorted(name for name in os.listdir(self.registry) if name.startswith("net-")) \
            if os.path.isdir(self.registry) else []

    def networks(self):
        """The processes that serve a network of this registry: name of its directory -> pid."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            path = next((word for word in words if self.registry + "/" in word), None)
            if path and "net" in words:
                found[path.split("/")[-2]] = int(pid)
        return found

    def assert_all_gone(self):
        vu.wait_until(lambda: not self.networks(), "no network is left")

    def assert_refused(self, code, holds, answer):
        self.assertTrue(answer.startswith(f"{code} "), answer)
        self.assertIn(holds, answer)

    def assert_opened(self, answer, start=None):
        self.assertTrue(answer.startswith("ok "), answer)
        if start:
            self.assertEqual(answer.split()[1], start)
