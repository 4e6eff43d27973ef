# SPDX-License-Identifier: BSD-3-Clause
"""A host of its own for tests that need privileges, guests and an outside for it.

become_host() moves the whole test into a network and mount namespace of its own, whose /run is empty: nothing of the
machine's network is seen or changed. Namespace() is another one, held by a child, joined to the host by connect().
Guest() is one whose only interface is a TAP that a child carries to a stream socket of `outrigger net`, so that
a whole Linux network stack is the guest.
"""
import atexit
import ctypes
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 0x40000, 0x1000
DEADLINE = 20
libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def mount(source, target, kind=None, flags=0):
    _call("mount", source.encode(), target.encode(), kind and kind.encode(), flags, None)


def umount(target):
    _call("umount2", target.encode(), 2)


def become_host(*tools):
    """In setUpModule(). Skips where that is not possible, or a tool is missing."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root, for network namespaces")
    for tool in ("ip", "nsenter", "unshare", *tools):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"needs {tool}")
    if not os.path.exists("/dev/net/tun"):
        raise unittest.SkipTest("needs /dev/net/tun")
    try:
        _call("unshare", CLONE_NEWNET | CLONE_NEWNS)
    except OSError as error:
        raise unittest.SkipTest(f"needs namespaces: {error}") from None
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("tmpfs", "/run", "tmpfs")
    ip("link", "set", "lo", "up")


def run(*command, check=True, **arguments):
    """Return: what it wrote to stdout"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=DEADLINE, check=False, **arguments)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def ip(*arguments, **kwargs):
    return run("ip", *arguments, **kwargs)


class Namespace:
    """@command: what holds it; says a line when it is ready"""

    def __init__(self, command=("sh", "-c", "ip link set lo up; echo ready; exec sleep 1000")):
        self.children = []
        self.process = subprocess.Popen(("unshare", "-n", *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.close)
        if not self.process.stdout.readline():
            raise AssertionError(f"{command}: ended")
        self.pid = self.process.pid

    def close(self):
        atexit.unregister(self.close)
        for child in [*self.children, self.process]:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()
        self.children = []

    def inside(self, *command):
        return ("nsenter", "-t", str(self.pid), "-n", *command)

    def run(self, *command, **arguments):
        return run(*self.inside(*command), **arguments)

    def python(self, code, *arguments):
        """Run code with namespace_guest's names. Return: what it printed, without the last newline"""
        out = self.run(sys.executable, "-c", f"import sys; sys.path.insert(0, {HERE!r})\nfrom namespace_guest import *\n{code}",
                       *arguments)
        return out.rstrip("\n")

    def serve(self, *arguments):
        """A server of namespace_guest's, listening when this returns."""
        child = subprocess.Popen(self.inside(sys.executable, os.path.join(HERE, "namespace_guest.py"), *arguments),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        if child.stdout.readline() != "ready\n":
            raise AssertionError(f"{arguments}: does not listen")
        return child

    def ask(self, address, port, protocol="tcp"):
        """Who the server there thinks we are; "" if nobody answers."""
        return self.python(f"print(ask({address!r}, {port}, {protocol!r}))")

    def reaches(self, address, port):
        """For what must not be: waits briefly, so a slow machine may miss a fault but sees none that is not there."""
        return self.python(f"print(ask({address!r}, {port}, wait_s=1))") != ""

    def connect(self, name, address, address6=None, peer="0"):
        """A cable to the host: interface `name` there, "up" here, .1 and .2 of the /24, ::1 and ::2 of the /64."""
        inner = f"in{name}"
        ip("link", "add", name, "type", "veth", "peer", "name", inner)
        ip("link", "set", inner, "netns", str(self.pid))
        for prefix, length in ((address, 24), (address6, 64)):
            if prefix:
                ip("address", "add", f"{prefix}1/{length}", "dev", name, *(["nodad"] if length == 64 else []))
                self.run("ip", "address", "add", f"{prefix}2/{length}", "dev", inner,
                         *(["nodad"] if length == 64 else []))
        ip("link", "set", name, "up")
        self.run("ip", "link", "set", inner, "up")


class HostNamespace(Namespace):
    """The test's own, with the same methods."""

    def __init__(self):
        self.children, self.process, self.pid = [], None, os.getpid()

    def close(self):
        for child in self.children:
            child.kill()
            child.wait()
            child.stdout.close()
        self.children = []

    def inside(self, *command):
        return command


class Guest(Namespace):
    """A guest on a stream socket; interface "eth0"."""

    def __init__(self, path, mac):
        self.mac = mac
        super().__init__((sys.executable, os.path.join(HERE, "namespace_guest.py"), "pump", path, mac))

    def dhcp(self, name="", set_up=True):
        """Ask for an address, use it. Return: dict of what was given"""
        lease = dict(line.split("=", 1) for line in self.python(f"dhcp({name!r})").splitlines())
        if set_up and "address" in lease:
            self.run("ip", "address", "replace", f"{lease['address']}/{lease['prefix_len']}", "dev", "eth0")
            if "router" in lease:
                self.run("ip", "route", "replace", "default", "via", lease["router"])
        return lease
