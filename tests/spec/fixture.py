# SPDX-License-Identifier: BSD-3-Clause
"""The process under test.

    OUTRIGGER               the executable; without it build/src/cli/outrigger of this tree
    OUTRIGGER_TEST_DEVICE   likewise build/tests/device/outrigger-test-device

Outrigger() starts `outrigger net ...`, waits for its ready line, counts its fds, and on stop() insists on exit
status 0 and on a stderr without a sanitizer's report. ServedTestCase gives each test such a process and checks
after each that the process still serves on every socket and holds as many fds as before. GuestTestCase adds
guests. Device() and DeviceTestCase are the same for outrigger-test-device.
"""
import atexit
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import device_client as dc
import vfio_user_client as vu
import virtio_guest as vg

HERE = os.path.dirname(os.path.abspath(__file__))
SUBNET = ("--start-address", "192.168.77.1", "--end-address", "192.168.77.99", "--subnet-mask", "255.255.255.0")
SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def executable(variable="OUTRIGGER", built="src/cli/outrigger"):
    path = os.environ.get(variable) or os.path.join(HERE, "../../build", built)
    path = os.path.abspath(path)
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not there: build it, or set {variable}")
    return path


def device_executable():
    return executable("OUTRIGGER_TEST_DEVICE", "tests/device/outrigger-test-device")


def sanitizer_report(text):
    """The part of stderr where a sanitizer begins to complain, or None."""
    found = SANITIZER.search(text)
    return text[max(0, text.rfind("\n", 0, found.start())):][:6000] if found else None


class Directory:
    """A directory for sockets, its name short enough for them."""

    def __init__(self):
        base = tempfile.gettempdir()
        self.path = tempfile.mkdtemp(prefix="rig-", dir=base if len(base) < 40 else "/tmp")

    def join(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """outrigger, or another program, with any arguments; stderr is kept."""

    def __init__(self, arguments, program=None, **popen):
        self.program = program or executable()
        self.arguments = list(arguments)
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen([self.program, *self.arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self._stderr, **popen)
        self.pid = self.process.pid
        atexit.register(self.kill)
        self._stderr_text = ""
        self._line = b""

    def stderr(self):
        """What it wrote so far; also after kill()."""
        if not self._stderr.closed:
            # Without seek(): the process shares this file's position, and would write where we read.
            fd = self._stderr.fileno()
            self._stderr_text = os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")
        return self._stderr_text

    def read_line(self, deadline_s=vu.DEADLINE):
        """The next line of stdout, without waiting for longer than the deadline; "" at its end."""
        end = time.monotonic() + deadline_s
        out = self.process.stdout
        poll = select.poll()
        poll.register(out, select.POLLIN)
        while b"\n" not in self._line:
            left_s = end - time.monotonic()
            if left_s <= 0 or not poll.poll(left_s * 1000):
                raise vu.Late(f"no line on stdout: {self}")
            part = os.read(out.fileno(), 4096)
            if not part:
                break
            self._line += part
        line, _, self._line = self._line.partition(b"\n")
        return line.decode()

    def alive(self):
        return self.process.poll() is None

    def wait(self, deadline_s=vu.DEADLINE):
        """The exit status (negative: a signal)."""
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise vu.Late(f"still running: {self}") from None

    def kill(self):
        """However it was: gone afterwards."""
        atexit.unregister(self.kill)
        if self.alive():
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.stderr()
        self._stderr.close()

    def __str__(self):
        status = self.process.poll()
        text = self.stderr()
        what = " ".join([os.path.basename(self.program), *self.arguments])
        return (f"{what} ({'running' if status is None else status}), "
                f"stderr:\n{sanitizer_report(text) or text[-6000:]}")


class Server(Process):
    """A process that serves at some sockets, ready."""

    def __init__(self, paths, arguments, program=None, **popen):
        self.paths = paths
        super().__init__(arguments, program, **popen)
        try:
            self.ready_line = self.read_line()
            if not self.ready_line:
                self.wait()
                raise AssertionError(f"no ready line: {self}")
            self.idle_fds = self.fds()
        except BaseException:
            self.kill()
            raise

    def fds(self):
        """What each open fd of the process is, by number."""
        base = f"/proc/{self.pid}/fd"
        found = {}
        for name in os.listdir(base):
            try:
                found[int(name)] = os.readlink(f"{base}/{name}")
            except FileNotFoundError:
                pass
        return found

    def holds(self, name):
        """Does it have this file open or mapped? name: part of what /proc calls it, e.g. "memfd:guest"."""
        if any(name in link for link in self.fds().values()):
            return True
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as maps:
            return any(name in line for line in maps)

    def status_kib(self, key):
        """VmRSS, VmSize... of /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise KeyError(key)

    def stop(self, how=signal.SIGTERM):
        """End it and require what a clean end is: status 0, no sanitizer's report, no socket left."""
        try:
            if self.alive():
                self.process.send_signal(how)
            status = self.wait()
            report = sanitizer_report(self.stderr())
            if report:
                raise AssertionError(f"a sanitizer's report:\n{report}")
            if status != 0:
                raise AssertionError(f"exit status {status}: {self}")
            left = [path for path in self.paths if os.path.lexists(path)]
            if left:
                raise AssertionError(f"sockets left behind: {left}")
        finally:
            self.kill()


class Outrigger(Server):
    """`outrigger net MODE --nic PATH...`, ready."""

    def __init__(self, directory, nics=2, mode="host", arguments=(), **popen):
        paths = [directory.join(f"nic{i}") for i in range(nics)]
        options = [word for path in paths for word in ("--nic", path)]
        super().__init__(paths, ["net", mode, *options, *arguments], **popen)


class Device(Server):
    """outrigger-test-device, ready."""

    def __init__(self, directory, arguments=(), name="device", **popen):
        path = directory.join(name)
        super().__init__([path], [f"--socket-path={path}", *arguments], device_executable(), **popen)


class ServedTestCase(unittest.TestCase):
    """One process for all tests of a class (a new one if a test has killed it)."""

    nics = 2
    mode = "host"
    arguments = ()
    server = None

    @classmethod
    def setUpClass(cls):
        cls.directory = Directory()
        cls.addClassCleanup(cls.directory.remove)
        cls.addClassCleanup(cls._stop)
        cls.server = cls.start()

    @classmethod
    def start(cls):
        return Outrigger(cls.directory, cls.nics, cls.mode, cls.arguments)

    @classmethod
    def _stop(cls):
        if cls.server:
            server, cls.server = cls.server, None
            server.stop()

    def setUp(self):
        cls = type(self)
        if cls.server is None:
            for name in os.listdir(self.directory.path):
                os.unlink(self.directory.join(name))
            cls.server = cls.start()
        # Cleanups run last to first: what a test adds goes before this check.
        self.addCleanup(self.assert_undisturbed)

    def path(self, nic=0):
        return self.server.paths[nic]

    def connect(self, nic=0, **arguments):
        """A client of the given NIC, closed when the test ends."""
        client = vu.Client(self.path(nic), **arguments)
        self.addCleanup(client.close)
        return client

    def memfd(self, size, name="guest"):
        """A memory file, closed when the test ends."""
        fd = os.memfd_create(name)
        self.addCleanup(os.close, fd)
        os.ftruncate(fd, size)
        return fd

    def eventfd(self, initial=0):
        fd = vu.make_eventfd(initial)
        self.addCleanup(os.close, fd)
        return fd

    def eventfds(self, n):
        return [self.eventfd() for _ in range(n)]

    def wait_fds_back(self):
        """The process holds as many fds as before its first client."""
        idle = self.server.idle_fds
        try:
            vu.wait_until(lambda: not self.server.alive() or len(self.server.fds()) <= len(idle),
                          "fds back to what they were")
        except vu.Late:
            now = self.server.fds()
            self.server.idle_fds = now  # one leak fails one test
            self.fail(f"fds leaked: { {n: what for n, what in now.items() if idle.get(n) != what} }")

    def assert_serves(self):
        """A fresh connection on each NIC is served."""
        for path in self.server.paths:
            with vu.connect_when_free(path) as client:
                client.round_trip()

    def assert_undisturbed(self):
        """The process lives, serves each NIC and holds no fd more than before."""
        try:
            self.assert_serves()
            self.wait_fds_back()
        except vu.Unserved:
            if not self.lost_server():
                self.give_up_server()  # one process that hangs fails one test
                raise
        except (OSError, AssertionError):
            if not self.lost_server():
                raise
        if self.lost_server():
            self.fail(f"the process died: {self.give_up_server()}")

    def give_up_server(self):
        """The next test gets a new one."""
        server, type(self).server = self.server, None
        server.kill()
        return server

    def lost_server(self):
        """Is it dead, dying, or has a sanitizer something to say?"""
        report = sanitizer_report(self.server.stderr())
        return bool(report) or not self.server.alive()


class DeviceTestCase(ServedTestCase):
    """An outrigger-test-device with some options for all tests of a class.

    self.client is connected when a test begins, and the device as after power-on; capabilities are what that
    client proposes, None: as QEMU does. connected = False leaves connecting to the test.
    """

    capabilities = None
    connected = True

    @classmethod
    def start(cls):
        return Device(cls.directory, cls.arguments)

    def setUp(self):
        super().setUp()
        with dc.connect_when_free(self.path()) as client:
            client.defer(0)
            client.fail(0, 0)
            if client.get_info()[0] & vu.DEVICE_FLAG_RESET:
                client.reset()
        if self.connected:
            self.client = self.client_of(self.path())

    def client_of(self, path, **arguments):
        """A client of the device at path, closed when the test ends."""
        arguments.setdefault("capabilities", self.capabilities)
        client = dc.connect_when_free(path, **arguments)
        self.addCleanup(client.close)
        return client

    def reconnect(self, **arguments):
        """Leave, and be the next client."""
        self.client.close()
        self.client = self.client_of(self.path(), **arguments)
        return self.client


class GuestTestCase(ServedTestCase):
    """Guests in the test, each on a NIC of its own, all on one network whose addresses are known."""

    arguments = SUBNET

    def guest(self, index, features=None, **start):
        """A running guest on the given NIC; features None: connected, but not started."""
        client = vu.connect_when_free(self.path(index))
        self.addCleanup(client.close)
        memory = vg.Memory()
        self.addCleanup(memory.close)
        memory.map_into(client)
        nic = vg.Nic(client, memory)
        self.addCleanup(nic.close)
        if features is not None:
            nic.start(features, **start)
        return nic

    def assert_exchange(self, a, b, number=0x1000):
        """A unicast frame each way."""
        a.transmit(vg.numbered_frame(b.mac(), a.mac(), number))
        b.receive(lambda frame: vg.is_numbered(frame, number))
        b.transmit(vg.numbered_frame(a.mac(), b.mac(), number + 1))
        a.receive(lambda frame: vg.is_numbered(frame, number + 1))
