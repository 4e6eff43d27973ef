#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Networks that programs share, of the kernel's kind: on a host of its own, by tests/vm/sandbox.py."""
import ctypes
import os
import shutil
import subprocess
import unittest

from backend_client import BUSY, BackendTestCase

SANDBOX = os.environ.get("OUTRIGGER_SANDBOX", "no: run it by tests/vm/sandbox.py")
RANGE = "range=10.77.0.1,10.77.0.99,255.255.255.0"
MAC = "02:00:00:00:00:01"
PR_CAPBSET_DROP = 24


def links():
    lines = subprocess.check_output(["ip", "-o", "link"], text=True).splitlines()
    return [line.split(":")[1].strip().split("@")[0] for line in lines]


def drop_capabilities():
    """In the child: what it executes has none, whoever it is."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@unittest.skipIf(SANDBOX != "yes", SANDBOX)
@unittest.skipUnless(shutil.which("nft") and shutil.which("dnsmasq"), "kernel networks need nft and dnsmasq")
@unittest.skipUnless(os.access("/dev/net/tun", os.R_OK | os.W_OK), "needs /dev/net/tun, to read and write")
class Kernel(BackendTestCase):
    def setUp(self):
        super().setUp()
        self.env["OUTRIGGER_VMNET_NETWORK"] = "kernel"

    def test_a_shared_network_is_the_kernels_if_asked_for(self):
        one, two = self.tool(), self.tool()
        first = one.ask("open", "mode=shared", RANGE)
        self.assert_opened(first, "10.77.0.1")
        self.assertEqual(two.ask("open", "mode=shared", RANGE), first)
        self.assertEqual(one.ask("plug", MAC), "ok")
        self.assertTrue([name for name in links() if name.startswith("rig")])
        one.kill()
        two.kill()
        self.assert_all_gone()
        self.assertEqual([name for name in links() if name.startswith("rig")], [])

    def test_what_a_network_takes_back_while_it_ends_is_waited_for(self):
        one, two = self.tool(), self.tool()
        for _ in range(3):
            self.assert_opened(one.ask("open", "mode=shared", RANGE))
            self.assertEqual(one.ask("close"), "ok")
            self.assert_opened(two.ask("open", "mode=host", RANGE))
            self.assertEqual(two.ask("close"), "ok")

    def test_a_range_of_the_hosts_own_is_not_picked(self):
        subprocess.check_call(["ip", "address", "add", "192.168.64.77/24", "dev", "lo"])
        self.addCleanup(subprocess.check_call, ["ip", "address", "del", "192.168.64.77/24", "dev", "lo"])
        for kind in "kernel", "user":
            with self.subTest(kind):
                one = self.tool(OUTRIGGER_VMNET_NETWORK=kind)
                self.assert_opened(one.ask("open", "mode=shared"), "192.168.65.1")
                one.kill()
                self.assert_all_gone()

    def test_bridged_programs_share_the_network_of_an_interface(self):
        subprocess.check_call(["ip", "link", "add", "br0", "type", "bridge"])
        self.addCleanup(subprocess.check_call, ["ip", "link", "del", "br0"])
        subprocess.check_call(["ip", "link", "set", "br0", "up"])
        one, two = self.tool(), self.tool()
        self.assertEqual(one.ask("open", "mode=bridged", "ifname=br0"), "ok 0.0.0.0 0.0.0.0 0.0.0.0 1500")
        self.assert_opened(two.ask("open", "mode=bridged", "ifname=br0"))
        self.assertEqual(one.ask("describe"), two.ask("describe"))
        self.assertEqual(one.ask("plug", MAC), "ok")
        self.assert_refused(BUSY, "", two.ask("plug", MAC))

    def test_without_privileges_nothing_is_bridged_and_the_reason_is_told(self):
        one = self.tool(popen={"preexec_fn": drop_capabilities})
        self.assert_refused(1001, "CAP_NET_ADMIN", one.ask("open", "mode=bridged", "ifname=lo"))
        self.assert_refused(1001, "CAP_NET_ADMIN", one.ask("open", "mode=shared"))
        self.assert_opened(self.tool(popen={"preexec_fn": drop_capabilities}, OUTRIGGER_VMNET_NETWORK="user").ask(
            "open", "mode=shared"))


if __name__ == "__main__":
    unittest.main()
