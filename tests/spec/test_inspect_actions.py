# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger inspect PATH ACTION...`: what its actions do with outrigger-test-device, and what is said when they fail.

Status 0: all was done. 1: an action failed; which, why and, if it is about the device as a whole, what state that is in.
2: the command line is wrong, and nothing was done.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import device_client as dc
import test_device_regs as regs
import vfio_user_client as vu
from fixture import Device, DeviceTestCase, Directory, executable, sanitizer_report
from test_inspect import HonestDevice, Scripted, reply


class Running:
    """An `outrigger inspect` that runs."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen):
        self.process = subprocess.Popen([executable(), "inspect", *arguments], stdin=stdin, stdout=stdout, stderr=stderr,
                                        **popen)

    def signal(self, number):
        self.process.send_signal(number)

    def line(self, stream="stdout"):
        """The next line, without waiting for longer than the deadline."""
        pipe, line = getattr(self.process, stream), b""
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while not line.endswith(b"\n"):
            if not poll.poll(vu.DEADLINE * 1000):
                raise vu.Late(f"no line on {stream}")
            byte = os.read(pipe.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode()

    def end(self, feed=None):
        """(status, stdout as bytes, stderr); a hang or a sanitizer's report is a failure."""
        try:
            out, err = self.process.communicate(feed, timeout=vu.DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise vu.Late("inspect still runs") from None
        err = (err or b"").decode(errors="replace")
        report = sanitizer_report(err)
        if report:
            raise AssertionError(f"a sanitizer's report:\n{report}")
        return self.process.returncode, out or b"", err


def run(*arguments, feed=None):
    return Running(*arguments, stdin=subprocess.PIPE if feed is not None else subprocess.DEVNULL).end(feed)


class Relay(threading.Thread):
    """Stands between one client and the device. inject() gives the device a message of its own, between the client's:
    while the client waits for nothing, and without a reply."""

    def __init__(self, path, device_path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(1)
        self.device = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.device.connect(device_path)
        self.start()

    def run(self):
        client, _ = self.listener.accept()
        other = {client: self.device, self.device: client}
        poll = select.poll()
        for end in other:
            poll.register(end, select.POLLIN)
        by_fd = {end.fileno(): end for end in other}
        while True:
            for fd, _ in poll.poll():
                data, fds, _, _ = socket.recv_fds(by_fd[fd], 1 << 20, 253)
                try:
                    if not data:
                        raise ConnectionResetError
                    socket.send_fds(other[by_fd[fd]], [data], fds)
                except OSError:
                    client.close()
                    self.device.close()
                    return
                finally:
                    for received in fds:
                        os.close(received)

    def inject(self, register, value):
        self.device.sendall(vu.message(
            vu.REGION_WRITE, vu.region_write_payload(0, register, struct.pack("<I", value)), msg_id=0xfff0,
            flags=vu.TYPE_COMMAND | vu.FLAG_NO_REPLY))

    def stop(self):
        self.listener.close()
        self.join(vu.DEADLINE)


class ActionTestCase(DeviceTestCase):
    connected = False

    def setUp(self):
        super().setUp()
        files = Directory()
        self.addCleanup(files.remove)
        self.files = files

    def inspect(self, *arguments, **how):
        return run(self.path(), *arguments, **how)

    def ok(self, *arguments, **how):
        """Its standard output."""
        status, out, err = self.inspect(*arguments, **how)
        self.assertEqual((status, err), (0, ""))
        return out

    def failed(self, status, *words, arguments, **how):
        """Its standard output; stderr is one line that has the words."""
        got, out, err = self.inspect(*arguments, **how)
        self.assertEqual(got, status, err)
        self.assert_complaint(err, *words)
        return out

    def assert_complaint(self, err, *words):
        self.assertRegex(err, r"\Aoutrigger: inspect: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, err)

    def device(self, path=None):
        return self.client_of(path or self.path())

    def read(self, region, offset, count):
        with dc.connect_when_free(self.path()) as client:
            return client.region_read(region, offset, count)

    def write(self, region, offset, data):
        with dc.connect_when_free(self.path()) as client:
            client.region_write(region, offset, data)

    def reg(self, offset, size=4):
        return int.from_bytes(self.read(0, offset, size), "little")

    def state(self):
        with dc.connect_when_free(self.path()) as client:
            return client.migration_state()

    def prepare(self, what, kinds, *more):
        """defer() or fail() on the device."""
        with dc.connect_when_free(self.path()) as client:
            getattr(client, what)(kinds, *more)

    def file(self, name="state"):
        return self.files.join(name)

    def assert_files(self, *names):
        self.assertEqual(sorted(os.listdir(self.files.path)), sorted(names))


class Bytes(ActionTestCase):
    """--read, --write and --dump-config."""

    def test_read_prints_offset_hexadecimal_and_characters(self):
        self.write(1, 0x20, b"Outrigger\0\xff~ and more")
        self.assertEqual(self.ok("--read", "bar1:0x20:20").decode(), (
            "00000020  4f 75 74 72 69 67 67 65  72 00 ff 7e 20 61 6e 64  |Outrigger..~ and|\n"
            "00000030  20 6d 6f 72                                       | mor|\n"))

    def test_read_shows_equal_rows_once_and_the_last_one(self):
        self.assertEqual([line.split("  ")[0] for line in self.ok("--read", "bar1:0:0x50").decode().splitlines()],
                         ["00000000", "*", "00000040"])

    def test_a_region_has_a_number_and_a_name_in_any_case(self):
        names = {"0": 0, "bar0": 0, "BAR5": 5, "rom": 6, "ROM": 6, "config": 7, "0x7": 7, "9": 9}
        for name, index in names.items():
            with self.subTest(name):
                self.assertEqual(self.ok("--read", f"{name}:0:16", "--raw"), self.read(index, 0, 16))

    def test_numbers_are_decimal_or_hexadecimal(self):
        self.write(1, 0, bytes(range(64)))
        for text in ("bar1:16:8", "bar1:0x10:0x8", "bar1:0X10:08"):
            self.assertEqual(self.ok("--read", text, "--raw"), bytes(range(16, 24)), text)

    def test_a_whole_region_comes_raw(self):
        data = os.urandom(regs.BAR1_SIZE)
        self.write(1, 0, data)
        self.assertEqual(self.ok("--read", f"bar1:0:{regs.BAR1_SIZE}", "--raw"), data)

    def test_output_goes_into_a_file_that_only_its_owner_reads(self):
        self.assertEqual(self.ok("--read", "config:0:64", "--output", self.file("bytes")), b"")
        with open(self.file("bytes"), "rb") as file:
            self.assertEqual(file.read(), self.read(7, 0, 64))
        self.assertEqual(stat.S_IMODE(os.stat(self.file("bytes")).st_mode), 0o600)
        self.assert_files("bytes")

    def test_output_of_minus_is_standard_output(self):
        self.assertEqual(self.ok("--read", "bar0:0:4", "--output", "-"), struct.pack("<I", regs.MAGIC))

    def test_write_has_bytes_in_the_order_of_their_addresses(self):
        self.assertEqual(self.ok("--write", "bar0:0x8:78563412aaFF"), b"")
        self.assertEqual(self.reg(regs.REG_SCRATCH, 8), 0xffaa12345678)

    def test_a_write_is_one_access(self):
        self.ok("--write", f"bar0:{regs.REG_DOORBELL + 4}:3412")  # counts 2 bytes of 0x1234 only
        self.assertEqual(self.reg(regs.REG_DOORBELLS + 4), 1)

    def test_actions_run_in_their_order(self):
        self.assertEqual(self.ok("--write", "bar0:8:01", "--read", "bar0:8:1", "--raw", "--write", "bar0:8:02",
                                 "--read", "bar0:8:1", "--raw"), b"\1\2")

    def test_the_socket_may_stand_anywhere(self):
        for arguments in ((self.path(), "--read", "bar0:0:4", "--raw"), ("--read", "bar0:0:4", self.path(), "--raw"),
                          ("--read", "bar0:0:4", "--raw", self.path())):
            self.assertEqual(run(*arguments), (0, struct.pack("<I", regs.MAGIC), ""))

    def test_dump_config_shows_bytes_and_what_they_say(self):
        out = self.ok("--dump-config").decode()
        self.assertTrue(out.startswith("00000000  34 12 47 52 "), out)
        for word in ("1234:5247", "subsystem", "class", "MSI-X, enabled-", "PCI Express", "power management",
                     "device serial number v1, serial 0x5247012345670001"):
            self.assertIn(word, out)

    def test_dump_config_comes_raw_or_into_a_file(self):
        counts = slice(0xb4, 0xb8)  # how often it was read
        dumps = [self.read(7, 0, 4096), self.ok("--dump-config", "--raw", "--dump-config", "--output", self.file("config"))]
        with open(self.file("config"), "rb") as file:
            dumps.append(file.read())
        first, second, third = (dump[:counts.start] + dump[counts.stop:] for dump in dumps)
        self.assertEqual((second, third), (first, first))

    def test_with_actions_there_is_no_report(self):
        self.assertEqual(self.ok("--write", "bar0:8:00"), b"")

    def test_with_json_there_is_the_report_and_what_the_actions_did(self):
        document = json.loads(self.ok("--json", "--write", "bar0:8:0a0b", "--read", "0:8:2", "--dump-config", "--reset",
                                      "--read", "config:0:4", "--output", self.file("ids")))
        self.assertEqual(document["device"]["num_regions"], 10)
        write, read, config, reset, ids = document["actions"]
        self.assertEqual(write, {"action": "write", "region": 0, "offset": 8, "length": 2, "data": "0a0b"})
        self.assertEqual(read, {"action": "read", "region": 0, "offset": 8, "length": 2, "data": "0a0b"})
        self.assertEqual((config["action"], config["length"], config["config"]["device"]),
                         ("dump_config", 4096, regs.DEVICE))
        self.assertEqual(len(config["data"]), 8192)
        self.assertEqual(reset, {"action": "reset"})
        self.assertEqual(ids, {"action": "read", "region": 7, "offset": 0, "length": 4, "output": self.file("ids")})

    def test_without_actions_json_has_none(self):
        self.assertNotIn("actions", json.loads(self.ok("--json")))

    def test_reset_is_a_reset(self):
        before = self.reg(regs.REG_RESETS_COMMAND)
        self.ok("--reset", "--reset")
        self.assertEqual(self.reg(regs.REG_RESETS_COMMAND), before + 2)


class WrongCommandLine(ActionTestCase):
    """Status 2, what is wrong and what would be right; and the device is not touched."""

    cases = (
        (("--read", "bar0:0"), "not REGION:OFFSET:LEN"),
        (("--read", "bar0:0:4:4"), "not REGION:OFFSET:LEN"),
        (("--read", ""), "not REGION:OFFSET:LEN"),
        (("--read", "bar6:0:4"), "give bar0 to bar5, rom, config, vga"),
        (("--read", ":0:4"), "is no region"),
        (("--read", "-1:0:4"), "is no region"),
        (("--read", "4294967296:0:4"), "is no region"),
        (("--read", "bar0:zero:4"), "is no offset"),
        (("--read", "bar0:-4:4"), "is no offset"),
        (("--read", "bar0: 4:4"), "is no offset"),
        (("--read", "bar0:ff:4"), "is no offset"),
        (("--read", "bar0:0x:4"), "is no offset"),
        (("--read", "bar0:18446744073709551616:4"), "is no offset"),
        (("--read", "bar0:0:0"), "is no length"),
        (("--read", "bar0:0:4k"), "is no length"),
        (("--read", "bar0:0:268435457"), "at most 268435456"),
        (("--read",), "--read: its value is missing"),
        (("--write", "bar0:8"), "not REGION:OFFSET:BYTES"),
        (("--write", "bar0:8:"), "is not bytes"),
        (("--write", "bar0:8:123"), "pairs of hexadecimal digits"),
        (("--write", "bar0:8:0x12345678"), "78563412 for 0x12345678"),
        (("--write", "bar0:8:12 34"), "is not bytes"),
        (("--write", "bar0:8:xy"), "is not bytes"),
        (("--dump-config=all",), "--dump-config=all: takes no value"),
        (("--reset=1",), "takes no value"),
        (("--raw",), "goes right behind the --read or --dump-config"),
        (("--read", "bar0:0:4", "--reset", "--output", "x"), "--output x: goes right behind"),
        (("--read", "bar0:0:4", "--output", ""), "the name is empty"),
        (("--read", "bar0:0:4", "--count", "1"), "--count 1: goes right behind the --watch-irqs"),
        (("--watch-irqs", "--count", "0"), "give a number from 1 on"),
        (("--watch-irqs", "--count", "many"), "give a number from 1 on"),
        (("--watch-irqs", "--for", "0"), "give seconds, 0.001 to 86400"),
        (("--watch-irqs", "--for", "nan"), "give seconds"),
        (("--watch-irqs", "--leave-stopped"), "goes right behind the --save-state or --load-state"),
        (("--save-state", ""), "the name is empty"),
        (("--load-state", ""), "the name is empty"),
        (("--save-state",), "its value is missing"),
        (("--timeout", "0"), "--timeout 0: not a time; give seconds"),
        (("--save-state", "-", "--json"), "both want standard output"),
        (("--save-state", "-", "--read", "bar0:0:4"), "both want standard output"),
        (("--read", "bar0:0:4", "--raw", "--watch-irqs"), "both want standard output"),
        (("--read", "bar0:0:4", "--raw", "--dump-config"), "both want standard output"),
        (("--save-state", "-", "--save-state", "-"), "both for -"),
        (("--load-state", "-", "--load-state", "-"), "both for -"),
        (("--save-state", "x", "--read", "bar0:0:4", "--output", "x"), "both for x"),
        (("--frobnicate",), "--frobnicate: unknown option"),
        (("-x",), "-x: unknown option"),
        (("second",), "one socket at a time"),
        # What only the device tells.
        (("--read", "bar0:0x1000:1"), "leaves BAR0, which has 4096 bytes, 0x0 to 0xfff; nothing was done"),
        (("--read", "bar0:0xffd:4"), "leaves BAR0"),
        (("--read", "bar0:0xffffffffffffffff:2"), "leaves BAR0"),
        (("--read", "vga:0:1"), "has no VGA: its size is 0"),
        (("--read", "10:0:1"), "the device has no region 10: it has 10 regions, counted from 0"),
        (("--write", "rom:0x7ff:0000"), "leaves ROM"),
        (("--write", "bar5:0:00"), "says that BAR5 cannot be written"),
        (("--read", "bar4:0:1"), "says that BAR4 cannot be read"),
    )

    def test_each_wrong_argument_is_explained(self):
        for arguments, words in self.cases:
            with self.subTest(arguments):
                self.failed(2, words, arguments=arguments)

    def test_nothing_is_done_before_all_is_checked(self):
        for arguments, _ in self.cases:
            self.assertEqual(self.inspect("--write", "bar0:8:ee", *arguments)[0], 2, arguments)
        self.assertEqual(self.reg(regs.REG_SCRATCH), 0)

    def test_a_file_that_cannot_be_is_found_before_anything_is_done(self):
        os.mkdir(self.file("directory"))
        for arguments, words in ((("--save-state", self.file("no/such")), "No such file or directory"),
                                 (("--save-state", self.file("directory")), "Is a directory"),
                                 (("--read", "bar0:0:4", "--output", self.file("no/such")), "No such file"),
                                 (("--load-state", self.file("missing")), "cannot read"),
                                 (("--load-state", self.file("directory")), "Is a directory")):
            self.failed(1, words, "nothing was done", arguments=("--write", "bar0:8:ee", *arguments))
        self.assertEqual(self.reg(regs.REG_SCRATCH), 0)
        self.assert_files("directory")

    def test_help_names_every_option(self):
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        for option in ("--read", "--write", "--dump-config", "--watch-irqs", "--reset", "--save-state", "--load-state",
                       "--output", "--raw", "--count", "--for", "--leave-stopped", "--json", "--timeout"):
            self.assertIn(option, out.decode())


class Lesser(ActionTestCase):
    """A device that can be neither reset nor migrated."""

    arguments = ("--no-reset", "--no-migration")

    def test_what_the_device_cannot_do_is_found_before_anything_is_done(self):
        for arguments, words in ((("--reset",), "cannot be reset"),
                                 (("--save-state", self.file()), "cannot be migrated"),
                                 (("--load-state", "-"), "cannot be migrated")):
            self.failed(1, words, "nothing was done", arguments=("--write", "bar0:8:ee", *arguments))
        self.assertEqual(self.reg(regs.REG_SCRATCH), 0)
        self.assert_files()


class Refused(ActionTestCase):
    """The device says no, or is late, or dies."""

    def test_a_refused_access_is_named_with_what_the_device_said(self):
        for kind, action in ((regs.KIND_READ, ("--read", "bar0:0x400:4")), (regs.KIND_WRITE, ("--write", "bar0:0x400:11"))):
            self.prepare("fail", kind, 13)
            self.failed(1, " ".join(action), "Permission denied", "not done: the 2 after it",
                        arguments=(*action, "--write", "bar0:8:ee", "--reset"))
            self.assertEqual(self.reg(regs.REG_SCRATCH), 0)

    def test_actions_before_a_failed_one_are_done(self):
        self.prepare("fail", regs.KIND_READ, 5)
        self.assertEqual(self.failed(1, "--read bar0:0x400:4", arguments=(
            "--write", "bar0:8:ee", "--read", "bar0:8:1", "--raw", "--read", "bar0:0x400:4", "--raw")), b"\xee")

    def test_json_tells_which_failed(self):
        self.prepare("fail", regs.KIND_READ, 5)
        document = json.loads(self.failed(1, "Input/output error", arguments=(
            "--json", "--write", "bar0:8:ee", "--read", "bar0:0x400:4", "--reset")))
        self.assertEqual([action["action"] for action in document["actions"]], ["write", "read"])
        self.assertIn("Input/output error", document["actions"][1]["error"])
        self.assertNotIn("data", document["actions"][1])

    def test_a_refused_read_leaves_no_file(self):
        self.prepare("fail", regs.KIND_READ, 5)
        self.failed(1, "Input/output error", arguments=("--read", "bar0:0x400:4", "--output", self.file()))
        self.assert_files()

    def test_a_refused_reset_says_what_state_the_device_is_in(self):
        self.prepare("fail", regs.KIND_RESET, 16)
        self.failed(1, "--reset: ", "Device or resource busy; the device is RUNNING", arguments=("--reset",))

    def test_an_access_that_is_answered_late_is_done(self):
        self.prepare("defer", regs.KIND_READ | regs.KIND_WRITE | regs.KIND_RESET, 100)
        self.assertEqual(self.ok("--write", "bar0:0x400:aa", "--read", "bar0:0x400:1", "--raw", "--reset"), b"\xaa")

    def test_an_access_that_is_not_answered_ends_at_the_timeout(self):
        for words, action in (((), ("--read", "bar0:0x400:4")),
                              (("whether it was written is not known",), ("--write", "bar0:0x400:aa"))):
            self.prepare("defer", regs.KIND_READ | regs.KIND_WRITE)
            self.failed(1, "no answer within 1 s", *words, arguments=("--timeout", "1", *action))

    def test_a_reset_that_is_not_answered_leaves_the_state_open(self):
        self.prepare("defer", regs.KIND_RESET, 5000)
        self.failed(1, "--reset: ", "what state the device is in is not known",
                    arguments=("--timeout", "1", "--reset"))

    def test_a_device_that_hangs_up(self):
        self.failed(1, "--read bar0:0:4", "the connection ended", "not done: the 1 after it", arguments=(
            "--write", f"bar0:{regs.REG_HANG_UP}:01", "--read", "bar0:0:4", "--reset"))


class Irqs(ActionTestCase):
    """--watch-irqs."""

    ALL = "watching INTx (1), MSI (8), MSI-X (16), ERR (1), REQ (1)\n"

    def relay(self):
        relay = Relay(self.file("relay"), self.path())
        self.addCleanup(relay.stop)
        return relay

    def watch(self, *arguments, **how):
        running = Running(self.file("relay"), "--watch-irqs", *arguments, **how)
        self.addCleanup(running.process.kill)
        return running

    @staticmethod
    def trigger(relay, index, vector):
        relay.inject(regs.REG_TRIGGER, index << 16 | vector)

    def test_a_line_for_each_interrupt_until_so_many_came(self):
        relay = self.relay()
        running = self.watch("--count", "4")
        self.assertEqual(running.line(), self.ALL)
        for index, vector, name in ((vu.IRQ_MSIX, 15, "MSI-X 15"), (vu.IRQ_MSI, 0, "MSI 0"), (vu.IRQ_ERR, 0, "ERR 0"),
                                    (vu.IRQ_REQ, 0, "REQ 0")):
            self.trigger(relay, index, vector)
            self.assertRegex(running.line(), rf"\A +\d+\.\d{{6}}  {name}\n\Z")
        self.assertEqual(running.end(), (0, b"", ""))

    def test_a_level_that_is_asserted_already_is_told_once(self):
        out = self.ok("--write", f"bar0:{regs.REG_INTX_LEVEL}:01000000", "--watch-irqs", "--for", "0.3").decode()
        self.assertRegex(out, rf"\A{re.escape(self.ALL)} +\d\.\d+  INTx 0\n\Z")

    def test_interrupts_of_earlier_actions_are_told(self):
        trigger = f"bar0:{regs.REG_TRIGGER}:"
        out = self.ok("--write", trigger + "05000200", "--write", trigger + "05000200", "--watch-irqs", "--count", "2",
                      "--write", trigger + "07000100", "--watch-irqs", "--count", "1").decode()
        self.assertRegex(out, rf"\A{re.escape(self.ALL)} +\d\.\d+  MSI-X 5, 2 times\n"
                              rf"{re.escape(self.ALL)} +\d\.\d+  MSI 7\n\Z")

    def test_it_ends_after_a_time(self):
        self.assertEqual(self.ok("--watch-irqs", "--for", "0.1").decode(), self.ALL)

    def test_fewer_than_wanted_are_a_failure(self):
        self.assertEqual(self.failed(1, "--watch-irqs: 0 of 2 interrupts came", arguments=(
            "--watch-irqs", "--count", "2", "--for", "0.1")).decode(), self.ALL)

    def test_ctrl_c_is_an_end_and_what_follows_is_done(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            running = Running(self.path(), "--watch-irqs", "--read", "bar0:0:4")
            self.assertEqual(running.line(), self.ALL)
            running.signal(number)
            status, out, err = running.end()
            self.assertEqual((status, err), (0, ""))
            self.assertIn(b"RIGT", out)

    def test_ctrl_c_before_so_many_came_is_a_failure(self):
        running = Running(self.path(), "--watch-irqs", "--count", "1")
        running.line()
        running.signal(signal.SIGINT)
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err, "0 of 1 interrupts came")

    def test_eventfds_are_detached_at_the_end(self):
        changes = self.reg(regs.REG_IRQ_CHANGES)
        self.ok("--watch-irqs", "--for", "0.05", "--write", f"bar0:{regs.REG_TRIGGER}:00000200")
        self.assertEqual(self.reg(regs.REG_IRQ_CHANGES), changes + 10)
        self.assertEqual((self.reg(regs.REG_IRQ_INDEX), self.reg(regs.REG_IRQ_FLAGS)),
                         (vu.IRQ_REQ, vu.SET_NONE | vu.SET_TRIGGER))

    def test_json_tells_how_often_each_came(self):
        relay = self.relay()
        running = Running(self.file("relay"), "--json", "--watch-irqs", "--count", "3")
        self.addCleanup(running.process.kill)
        vu.wait_until(lambda: not self.server.alive() or self.attached(running), "eventfds are attached")
        for vector in (5, 5, 2):
            self.trigger(relay, vu.IRQ_MSIX, vector)
        status, out, err = running.end()
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(json.loads(out)["actions"], [{"action": "watch_irqs", "interrupts": [
            {"index": vu.IRQ_MSIX, "name": "MSI-X", "vector": 2, "count": 1},
            {"index": vu.IRQ_MSIX, "name": "MSI-X", "vector": 5, "count": 2}]}])

    def attached(self, running):
        """Does the device hold an eventfd for each of the 27?"""
        self.assertIsNone(running.process.poll())
        idle = sum("eventfd" in what for what in self.server.idle_fds.values())
        return sum("eventfd" in what for what in self.server.fds().values()) >= idle + 27

    def test_a_device_that_dies_ends_it(self):
        server = Device(self.directory, name="mortal")
        self.addCleanup(server.kill)
        running = Running(server.paths[0], "--watch-irqs", "--reset")
        running.line()
        server.kill()
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err, "--watch-irqs: ", "not done: the 1 after it")

    def test_standard_output_that_nobody_reads_ends_it(self):
        relay = self.relay()
        running = self.watch()
        running.line()
        running.process.stdout.close()
        self.trigger(relay, vu.IRQ_MSI, 1)
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err, "--watch-irqs: ")


class State(ActionTestCase):
    """--save-state and --load-state."""

    MEMORIES = {1: regs.BAR1_SIZE, 2: regs.BAR2_SIZE, 3: regs.BAR3_SIZE, 5: regs.BAR5_SIZE,
                regs.EXTRA_REGION: regs.EXTRA_SIZE}

    def fill(self):
        with dc.connect_when_free(self.path()) as client:
            for region in (1, 2, 3, 4, regs.EXTRA_REGION):
                client.region_write(region, 100, os.urandom(3000))
            client.region_write(1, 0x10000, os.urandom(0x80000))
            client.region_write(0, regs.REG_MEMORY, os.urandom(64))
            client.set(regs.REG_SCRATCH, int.from_bytes(os.urandom(8), "little"), 8)

    def contents(self, path=None):
        with dc.connect_when_free(path or self.path()) as client:
            state = {region: client.region_read(region, 0, size) for region, size in self.MEMORIES.items()}
            state["registers"] = client.region_read(0, regs.REG_MEMORY, regs.REG_MEMORY_END - regs.REG_MEMORY)
            state["scratch"] = client.reg(regs.REG_SCRATCH, 8)
            return state

    def other(self):
        server = Device(self.directory, name="other")
        self.addCleanup(server.stop)
        return server.paths[0]

    def saved(self):
        """A state of the filled device, as bytes."""
        self.fill()
        return self.ok("--save-state", "-")

    def start_save(self, ms, *arguments):
        """--save-state, waiting for its first transition, which takes so long."""
        self.prepare("defer", regs.KIND_TRANSITION, ms)
        running = Running(self.path(), "--save-state", self.file(), *arguments)
        self.addCleanup(running.process.kill)
        vu.wait_until(lambda: os.path.exists(self.file("state.tmp")), "the save has begun")
        return running

    def end_save(self):
        """What start_save() set up is over; the device is at rest."""
        with dc.connect_when_free(self.path()) as client:
            client.defer(0)
            client.reset()

    def test_what_is_saved_and_loaded_into_another_device_is_equal(self):
        self.fill()
        other = self.other()
        self.assertEqual(self.ok("--save-state", self.file()), b"")
        self.assertEqual(run(other, "--load-state", self.file()), (0, b"", ""))
        self.assertEqual(self.contents(other), self.contents())
        with dc.connect_when_free(other) as client:
            self.assertEqual((client.migration_state(), self.state()), (vu.STATE_RUNNING, vu.STATE_RUNNING))

    def test_a_state_goes_through_a_pipe(self):
        other = self.other()
        state = self.saved()
        self.assertEqual(run(other, "--load-state", "-", feed=state), (0, b"", ""))
        self.assertEqual(self.contents(other), self.contents())

    def test_save_and_load_in_one_command_line(self):
        self.fill()
        before = self.contents()
        self.ok("--save-state", self.file(), "--write", "bar1:0x10000:00000000", "--load-state", self.file())
        self.assertEqual(self.contents(), before)

    def test_leave_stopped_leaves_it_stopped(self):
        self.ok("--save-state", self.file(), "--leave-stopped")
        self.assertEqual(self.state(), vu.STATE_STOP)
        self.ok("--reset", "--load-state", self.file(), "--leave-stopped")
        self.assertEqual(self.state(), vu.STATE_STOP)
        self.ok("--load-state", self.file())
        self.assertEqual(self.state(), vu.STATE_RUNNING)

    def test_a_device_that_was_stopped_stays_so(self):
        with dc.connect_when_free(self.path()) as client:
            client.set_migration_state(vu.STATE_STOP)
        self.ok("--save-state", self.file())
        self.assertEqual(self.state(), vu.STATE_STOP)

    def test_a_save_that_somebody_has_begun_is_started_over(self):
        whole = self.saved()
        for states in ((vu.STATE_PRE_COPY,), (vu.STATE_STOP, vu.STATE_STOP_COPY)):
            with dc.connect_when_free(self.path()) as client:
                for state in states:
                    client.set_migration_state(state)
                client.migration_read(100)
            state = self.ok("--save-state", "-")
            self.assertEqual(len(state), len(whole))
            self.assertEqual(self.state(), vu.STATE_RUNNING)

    def test_half_a_state_is_not_saved(self):
        with dc.connect_when_free(self.path()) as client:
            client.set_migration_state(vu.STATE_STOP)
            client.set_migration_state(vu.STATE_RESUMING)
        self.failed(1, "no whole state", "the device is RESUMING, --reset starts it anew",
                    arguments=("--save-state", self.file()))
        self.assertEqual(self.state(), vu.STATE_RESUMING)
        self.assert_files()

    def test_the_file_is_replaced_and_only_its_owner_reads_it(self):
        with open(self.file("real"), "w", encoding="utf-8") as file:
            file.write("old")
        os.symlink("real", self.file("link"))
        self.ok("--save-state", self.file("link"))
        self.assertTrue(os.path.islink(self.file("link")))
        self.assertGreater(os.path.getsize(self.file("real")), 1000)
        self.assertEqual(stat.S_IMODE(os.stat(self.file("real")).st_mode), 0o600)
        self.assert_files("real", "link")

    def test_a_file_that_is_being_written_is_left_alone(self):
        with open(self.file("state.tmp"), "w", encoding="utf-8") as file:
            file.write("somebody's")
        self.failed(1, "state.tmp is there", "the device is RUNNING", arguments=("--save-state", self.file()))
        with open(self.file("state.tmp"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "somebody's")

    def test_a_file_that_cannot_be_written_leaves_the_device_running(self):
        self.failed(1, "No space left on device; the device is RUNNING", arguments=("--save-state", "/dev/full"))
        self.assertEqual(self.state(), vu.STATE_RUNNING)

    def test_a_pipe_that_nobody_reads_leaves_the_device_running(self):
        reader, writer = os.pipe()
        os.close(reader)
        running = Running(self.path(), "--save-state", "-", stdout=writer)
        os.close(writer)
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err, "Broken pipe; the device is RUNNING")
        self.assertEqual(self.state(), vu.STATE_RUNNING)

    def test_what_the_device_refuses_leaves_no_file_and_the_device_running(self):
        for kind in (regs.KIND_TRANSITION, regs.KIND_DATA):
            with open(self.file(), "w", encoding="utf-8") as file:
                file.write("old")
            self.prepare("fail", kind, 28)
            self.failed(1, f"--save-state {self.file()}", "No space left on device; the device is RUNNING",
                        arguments=("--save-state", self.file()))
            self.assertEqual(self.state(), vu.STATE_RUNNING)
            with open(self.file(), encoding="utf-8") as file:
                self.assertEqual(file.read(), "old")
            self.assert_files("state")

    def test_late_transitions_are_waited_for(self):
        self.prepare("defer", regs.KIND_TRANSITION, 50)
        self.ok("--save-state", self.file(), "--load-state", self.file())
        self.end_save()

    def test_a_transition_that_is_not_answered(self):
        self.prepare("defer", regs.KIND_TRANSITION, 5000)
        self.failed(1, "no answer within 1 s; what state the device is in is not known",
                    arguments=("--timeout", "1", "--save-state", self.file()))
        self.assert_files()
        self.end_save()

    def test_a_device_that_dies_leaves_no_file(self):
        server = Device(self.directory, name="mortal")
        self.addCleanup(server.kill)
        with dc.connect_when_free(server.paths[0]) as client:
            client.defer(regs.KIND_TRANSITION, 60000)
        running = Running(server.paths[0], "--save-state", self.file())
        vu.wait_until(lambda: os.path.exists(self.file("state.tmp")), "the save has begun")
        server.kill()
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err, "the connection ended", "what state the device is in is not known")
        self.assert_files()

    def test_states_that_are_not_whole_are_refused(self):
        state = self.saved()
        self.ok("--reset")
        before = self.contents()
        middle = len(state) // 2
        for what, wrong in (("changed", state[:middle] + bytes([state[middle] ^ 1]) + state[middle + 1:]),
                            ("cut", state[:-1]), ("empty", b""), ("longer", state + b"x"), ("no state", b"x" * 1000)):
            with self.subTest(what):
                self.failed(1, "Invalid argument; the device is RESUMING, --reset starts it anew",
                            arguments=("--load-state", "-"), feed=wrong)
                self.ok("--reset")
                self.assertEqual(self.contents(), before)

    def test_data_that_the_device_refuses(self):
        state = self.saved()
        self.prepare("fail", regs.KIND_DATA, 5)
        self.failed(1, "--load-state -", "Input/output error; the device is RESUMING", arguments=("--load-state", "-"),
                    feed=state)

    def test_json_tells_how_much_it_was(self):
        document = json.loads(self.ok("--json", "--save-state", self.file(), "--load-state", self.file(),
                                      "--leave-stopped"))
        size = os.path.getsize(self.file())
        self.assertEqual(document["actions"], [
            {"action": "save_state", "file": self.file(), "bytes": size, "device_state": "RUNNING"},
            {"action": "load_state", "file": self.file(), "bytes": size, "device_state": "STOP"}])

    def test_ctrl_c_during_a_save_leaves_no_file_and_the_device_running(self):
        running = self.start_save(3000)
        running.signal(signal.SIGINT)
        self.assertIn("stopping as soon as the device answers", running.line("stderr"))
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err, "interrupted; the device is RUNNING")
        self.assertEqual(self.state(), vu.STATE_RUNNING)
        self.assert_files()
        self.end_save()

    def test_another_ctrl_c_ends_it_at_once_without_a_file(self):
        running = self.start_save(3000)
        running.signal(signal.SIGINT)
        running.line("stderr")
        running.signal(signal.SIGINT)
        self.assertEqual(running.end()[0], -signal.SIGINT)
        self.assert_files()
        self.end_save()

    def test_ctrl_c_during_a_load_says_that_the_device_has_half_a_state(self):
        state = self.saved()
        running = Running(self.path(), "--load-state", "-", stdin=subprocess.PIPE)
        running.process.stdin.write(state[:1000])
        running.process.stdin.flush()
        vu.wait_until(lambda: self.is_empty(running.process.stdin), "the first part is taken")
        running.signal(signal.SIGTERM)
        status, _, err = running.end()
        self.assertEqual(status, 1)
        self.assert_complaint(err.split("\n", 1)[1], "interrupted; the device is RESUMING, --reset starts it anew")

    @staticmethod
    def is_empty(pipe):
        """Has the other end read all that was written?"""
        left = bytearray(4)
        fcntl.ioctl(pipe, termios.FIONREAD, left)
        return not any(left)

    def test_progress_is_shown_on_a_terminal(self):
        state = self.saved()
        ours, terminal = pty.openpty()
        self.addCleanup(os.close, ours)
        running = Running(self.path(), "--load-state", "-", stdin=subprocess.PIPE, stderr=terminal)
        os.close(terminal)
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        sent = 0
        while not poll.poll(50) and sent < len(state) - 1:
            sent += os.write(running.process.stdin.fileno(), state[sent:sent + 1000])
        self.assertRegex(os.read(ours, 1000), rb"\A\r--load-state: 0\.\d MiB")
        self.assertEqual(running.end(state[sent:])[0], 0)


class Liars(unittest.TestCase):
    """What a server says of itself is not believed."""

    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)
        self.device = HonestDevice()

    def inspect(self, *arguments):
        path = self.directory.join(f"s{len(os.listdir(self.directory.path))}")
        server = Scripted(path, self.device)
        try:
            return run(path, "--timeout", "1", *arguments)
        finally:
            server.stop()

    def test_an_index_that_is_refused_is_named_and_left_out(self):
        def set_irqs(message_id, payload):
            index, = struct.unpack_from("<I", payload, 8)
            if index in (0, 3):
                return HonestDevice.error(vu.DEVICE_SET_IRQS, message_id, 22)
            return reply(vu.DEVICE_SET_IRQS, message_id)
        self.device.overrides[vu.DEVICE_SET_IRQS] = set_irqs
        status, out, err = self.inspect("--watch-irqs", "--for", "0.05")
        self.assertEqual((status, out), (0, b"watching MSI-X (4), REQ (1)\n"))
        self.assertRegex(err, r"\A[^\n]*INTx is not watched[^\n]*Invalid argument\n[^\n]*ERR is not watched[^\n]*\n\Z")

    def test_a_device_that_refuses_every_index(self):
        status, _, err = self.inspect("--write", "bar0:0:00", "--watch-irqs")
        self.assertEqual(status, 1)
        self.assertIn("--watch-irqs: ", err.splitlines()[-1])
        self.assertIn("no action was done", err.splitlines()[-1])

    def test_more_interrupts_than_can_be(self):
        self.device.irqs[2] = 0xffffffff
        status, _, err = self.inspect("--watch-irqs")
        self.assertEqual(status, 1)
        self.assertIn("says that it has 4294967298 interrupts; at most 8192 can be watched", err)

    def test_no_interrupts(self):
        self.device.irqs = [0] * 5
        status, _, err = self.inspect("--watch-irqs")
        self.assertEqual(status, 1)
        self.assertIn("no interrupts that eventfds can be attached to", err)

    def test_no_configuration_space(self):
        self.device.regions[vu.REGION_CONFIG] = (32, 3)
        status, _, err = self.inspect("--dump-config")
        self.assertEqual(status, 1)
        self.assertIn("no PCI configuration space", err)

    def test_a_huge_region(self):
        self.device.regions[0] = (0xffffffffffffffff, 3)
        status, out, err = self.inspect("--read", "bar0:0xfffffffffffffff0:4")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith(b"fffffffffffffff0  00 00 00 00  "), out)
        self.assertEqual(self.inspect("--read", "bar0:0xfffffffffffffff0:16")[0], 2)


if __name__ == "__main__":
    unittest.main()
