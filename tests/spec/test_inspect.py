# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger inspect PATH [--json]`: against our own server, and against servers that lie.

The lying servers are scripted here: a small honest device, of which each case replaces one answer. inspect is a
vfio-user client, so the client rules of the checklist (106 to 120) are what it is held to, as far as it asks.
What a server tells is either refused, with a message and a status that is not 0, or harmless; inspect never
crashes, never hangs, never believes a size.
"""
import array
import concurrent.futures
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import Directory, ServedTestCase, executable, sanitizer_report

U32 = 0xffffffff
U64 = 0xffffffffffffffff


def run_inspect(path, *arguments, deadline_s=vu.DEADLINE):
    """(status, stdout, stderr); a hang or a crash is a failure."""
    try:
        done = subprocess.run([executable(), "inspect", path, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=deadline_s, check=False)
    except subprocess.TimeoutExpired:
        raise vu.Late(f"inspect still runs after {deadline_s} s") from None
    out, err = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
    report = sanitizer_report(err)
    if report:
        raise AssertionError(f"a sanitizer's report:\n{report}")
    if not 0 <= done.returncode < 128:
        raise AssertionError(f"inspect was killed: {done.returncode}\n{err}")
    return done.returncode, out, err


class OwnServer(ServedTestCase):
    """What inspect prints is what a raw client reads."""

    arguments = ("--mac", "02:00:00:00:00:07")

    def report(self):
        status, out, err = run_inspect(self.path(), "--json")
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)

    def test_text_tells_what_it_is(self):
        status, out, err = run_inspect(self.path())
        self.assertEqual((status, err), (0, ""))
        for word in ("1af4:1041", "Ethernet", "MSI-X", "PCI Express", "virtio", "max_msg_fds", "BAR0", "config"):
            self.assertIn(word, out)

    def test_version_and_capabilities(self):
        protocol = self.report()["protocol"]
        with vu.connect_when_free(self.path(), capabilities={"write_multiple": True}) as client:
            self.assertEqual(protocol["major"], 0)
            self.assertEqual(protocol["max_msg_fds"], client.max_msg_fds)
            self.assertEqual(protocol["max_data_xfer_size"], client.max_data_xfer_size)
            self.assertEqual(protocol["max_dma_maps"], client.max_dma_maps)
            self.assertEqual(protocol["pgsizes"], client.capabilities.get("pgsizes", 4096))
            self.assertEqual(protocol["write_multiple"], client.capabilities.get("write_multiple", False))

    def test_device_regions_and_irqs(self):
        report = self.report()
        with vu.connect_when_free(self.path()) as client:
            flags, n_regions, n_irqs = client.get_info()
            self.assertEqual([report["device"][key] for key in ("flags", "num_regions", "num_irqs")],
                             [flags, n_regions, n_irqs])
            self.assertTrue(report["device"]["pci"] and report["device"]["reset"])
            shown = {region["index"]: region for region in report["regions"]}
            for index in range(n_regions):
                info = client.region_info(index)
                self.assertEqual(index in shown, info["size"] > 0)
                if info["size"]:
                    self.assertEqual((shown[index]["size"], shown[index]["flags"]), (info["size"], info["flags"]))
                    self.assertEqual((shown[index]["read"], shown[index]["write"], shown[index]["mmap"]),
                                     tuple(bool(info["flags"] & bit) for bit in (1, 2, 4)))
            for irq in report["irqs"]:
                self.assertEqual((irq["flags"], irq["count"]), client.irq_info(irq["index"]))
            self.assertEqual(len(report["irqs"]), n_irqs)

    def test_configuration_space(self):
        report = self.report()["config"]
        with vu.connect_when_free(self.path()) as client:
            config = client.region_read(vu.REGION_CONFIG, 0, 256)
        vendor, device, command, status = struct.unpack_from("<HHHH", config)
        self.assertEqual([report[key] for key in ("vendor", "device", "command", "status")],
                         [vendor, device, command, status])
        self.assertEqual(report["revision"], config[8])
        self.assertEqual(report["class"], int.from_bytes(config[9:12], "little"))
        self.assertEqual((report["subsystem_vendor"], report["subsystem"]), struct.unpack_from("<HH", config, 0x2c))
        self.assertEqual([(cap["id"], cap["offset"]) for cap in report["capabilities"] if not cap["extended"]],
                         [cap[:2] for cap in vg.walk_capabilities(config)])
        windows = {cap["fields"]["structure"]: cap["fields"] for cap in report["capabilities"] if cap["id"] == 9}
        for cap_id, _, body in vg.walk_capabilities(config):
            if cap_id == vg.CAP_VENDOR and body[3] == vg.VIRTIO_NOTIFY:
                offset, length, multiplier = struct.unpack_from("<III", body, 8)
                self.assertEqual(windows["notifications"], {"structure": "notifications", "bar": body[4],
                                                            "offset": offset, "length": length,
                                                            "multiplier": multiplier})

    def test_server_that_has_a_client_already(self):
        with vu.connect_when_free(self.path()) as client:
            status, _, err = run_inspect(self.path(), "--timeout", "5")
            self.assertEqual(status, 1)
            self.assertTrue(err.strip())
            client.round_trip()


class Scripted(threading.Thread):
    """A server for one connection. answer(command, message) returns bytes to send, (bytes, fds), None for
    silence, or raises Hangup."""

    class Hangup(Exception):
        pass

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(5)
        self.listener.settimeout(vu.DEADLINE)
        self.answer = answer
        self.error = None
        self.start()

    def run(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(vu.DEADLINE)
            try:
                self.serve(connection)
            except (Scripted.Hangup, OSError):
                pass
            except Exception as e:  # shown by the test
                self.error = e

    def serve(self, connection):
        while True:
            head = self.read(connection, 16)
            message_id, command, size, flags, _ = vu.HEADER.unpack(head)
            payload = self.read(connection, size - 16)
            if flags & 0xf == vu.TYPE_REPLY:
                continue
            answer = self.answer(command, message_id, payload)
            if answer is None:
                continue
            data, fds = answer if isinstance(answer, tuple) else (answer, ())
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            sent = connection.sendmsg([data], ancillary)
            connection.sendall(data[sent:])

    @staticmethod
    def read(connection, n):
        data = b""
        while len(data) < n:
            part = connection.recv(n - len(data))
            if not part:
                raise Scripted.Hangup
            data += part
        return data

    def stop(self):
        self.listener.close()
        self.join(vu.DEADLINE)


def reply(command, message_id, payload=b"", **fields):
    return vu.message(command, payload, msg_id=message_id, **{"flags": vu.TYPE_REPLY, **fields})


def pci_config(size=256):
    """An honest configuration space: power management, MSI-X, one vendor capability."""
    config = bytearray(size)
    struct.pack_into("<HHHH", config, 0, 0x1234, 0x5678, 0, 0x10)
    config[8:12] = bytes([1, 0, 0, 2])
    config[0x34] = 0x40
    config[0x40:0x42] = bytes([0x01, 0x50])
    config[0x50:0x5c] = struct.pack("<BBHII", 0x11, 0x60, 3, 0x1000, 0x1800)
    config[0x60:0x70] = bytes([0x09, 0, 16, 1, 0]) + bytes(11)
    return config


class HonestDevice:
    """Answers as a server should; a case overrides what it lies about."""

    def __init__(self):
        self.config = pci_config()
        self.regions = [(0x1000, 3), (0x2000, 3)] + [(0, 0)] * 5 + [(256, 3), (0, 0)]
        self.irqs = [1, 0, 4, 1, 1]
        self.region_tail = {}  # index: (flags, cap_offset, bytes after the 32)
        self.overrides = {}

    def __call__(self, command, message_id, payload):
        override = self.overrides.get(command)
        if override is not None:
            return override(message_id, payload)
        return self.honest(command, message_id, payload)

    def honest(self, command, message_id, payload):
        if command == vu.VERSION:
            return reply(command, message_id, vu.version_payload(
                {"max_msg_fds": 8, "max_data_xfer_size": 1048576}))
        if command == vu.DEVICE_GET_INFO:
            return reply(command, message_id, struct.pack("<IIII", 16, 3, len(self.regions), len(self.irqs)))
        if command == vu.DEVICE_GET_REGION_INFO:
            argsz, _, index = struct.unpack_from("<III", payload)
            if index >= len(self.regions):
                return self.error(command, message_id, 22)
            size, flags = self.regions[index]
            more, cap_offset, tail = self.region_tail.get(index, (0, 0, b""))
            whole = struct.pack("<IIIIQQ", 32 + len(tail), flags | more, index, cap_offset, size, 0) + tail
            if argsz < len(whole):
                whole = struct.pack("<IIIIQQ", len(whole), flags | more & ~vu.REGION_FLAG_CAPS, index, 0, size, 0)
            return reply(command, message_id, whole)
        if command == vu.DEVICE_GET_IRQ_INFO:
            index, = struct.unpack_from("<I", payload, 8)
            if index >= len(self.irqs):
                return self.error(command, message_id, 22)
            return reply(command, message_id, struct.pack("<IIII", 16, 1, index, self.irqs[index]))
        if command == vu.REGION_READ:
            offset, region, count = struct.unpack("<QII", payload)
            data = bytes(self.config[offset:offset + count]) if region == vu.REGION_CONFIG else bytes(count)
            return reply(command, message_id, payload + data)
        return self.error(command, message_id, 22)

    @staticmethod
    def error(command, message_id, number, payload=b""):
        return reply(command, message_id, payload, flags=vu.TYPE_REPLY | vu.FLAG_ERROR, error=number)


class Liars(unittest.TestCase):
    """Cases are collected by expect_...() and run when the test ends, several at once: some wait for a timeout."""

    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)
        self.cases = []

    def tearDown(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(self.run_case, range(len(self.cases))))
        for (what, check, _, arguments), result in zip(self.cases, results):
            with self.subTest(what, arguments=arguments):
                if isinstance(result, BaseException):
                    raise result
                check(arguments, *result)

    def run_case(self, i):
        _, _, device, arguments = self.cases[i]
        try:
            return self.inspect(device, f"s{i}", arguments)
        except BaseException as e:
            return e

    def inspect(self, device, name, arguments=()):
        path = self.directory.join(name)
        server = Scripted(path, device)
        try:
            return run_inspect(path, "--timeout", "1", *arguments)
        finally:
            server.stop()
            if server.error:
                raise server.error

    def expect(self, check, device, what, both=True):
        ways = ((), ("--json",))
        for arguments in ways if both else (ways[len(self.cases) % 2],):
            self.cases.append((what, check, device, arguments))

    def expect_refused(self, device, what=None):
        """Not 0, with a message. Nothing is printed, so either form of output will do."""
        def check(_, status, out, err):
            self.assertEqual(status, 1, f"{out}\n{err}")
            self.assertTrue(err.strip(), "it failed without a word")
        self.expect(check, device, what, both=False)

    def expect_defined(self, device, what=None):
        """Harmless, or refused with a message."""
        def check(arguments, status, out, err):
            self.assertIn(status, (0, 1), f"{out}\n{err}")
            if status:
                self.assertTrue(err.strip(), "it failed without a word")
            elif arguments:
                json.loads(out)
            self.assertLess(len(out), 1 << 20, "endless output")
        self.expect(check, device, what)

    def expect_accepted(self, device, what=None, words=()):
        def check(arguments, status, out, err):
            self.assertEqual(status, 0, err)
            if arguments:
                json.loads(out)
            for word in words if not arguments else ():
                self.assertIn(word, out)
        self.expect(check, device, what)

    # The cases run later: what a device answers is bound here, not looked up in a loop's variable.

    def device(self, command=None, override=None):
        device = HonestDevice()
        if command is not None:
            device.overrides[command] = override
        return device

    def replying(self, command, payload, **fields):
        """A device with one fixed answer to that command."""
        return self.device(command, lambda message_id, _: reply(command, message_id, payload, **fields))

    def failing(self, command, number, payload=b""):
        return self.device(command, lambda message_id, _: HonestDevice.error(command, message_id, number, payload))

    def adding(self, command, before=b"", after=b"", fds=()):
        """A device whose honest answer to that command has bytes before it, more payload, or fds."""
        honest = HonestDevice()

        def answer(message_id, payload):
            good = honest.honest(command, message_id, payload)[16:]
            return before + reply(command, message_id, good + after), fds
        return self.device(command, answer)

    def version(self, payload):
        return self.replying(vu.VERSION, payload)

    def test_honest_device_is_shown(self):
        self.expect_accepted(self.device(), words=("1234:5678", "MSI-X"))

    def test_path_that_nobody_serves(self):
        status, _, err = run_inspect(self.directory.join("nobody"))
        self.assertEqual(status, 1)
        self.assertIn("nobody", err)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
            stale.bind(self.directory.join("stale"))
        self.assertEqual(run_inspect(self.directory.join("stale"))[0], 1)
        self.assertEqual(run_inspect(self.directory.join("x" * 200))[0], 1)
        self.assertEqual(run_inspect("/dev/null")[0], 1)
        self.assertEqual(run_inspect(self.directory.path)[0], 1)

    def test_wrong_command_line(self):
        for arguments in (("--no-such-option",), ("second",), ("--timeout", "x"), ("--timeout", "-1"), ("--timeout",)):
            status, _, err = run_inspect(self.directory.join("nobody"), *arguments)
            self.assertGreater(status, 0)
            self.assertTrue(err.strip())

    def test_106_version_replies_that_are_to_be_accepted(self):
        for text in (b"", b"{}\0", b'{"capabilities":{}}\0', b'{"capabilities": { "max_msg_fds" : 1 },"x":[]}\0',
                     b'{"capabilities":{"no_such_thing":{}}}\0'):
            self.expect_accepted(self.version(vu.version_payload(text=text)), text)

    def test_107_version_replies_that_are_to_be_refused(self):
        for what, payload in (
                ("other major", vu.version_payload({}, major=1)),
                ("higher minor", vu.version_payload({}, minor=0xffff)),
                ("no payload", b""), ("three bytes", bytes(3)),
                ("no NUL", vu.version_payload(text=b"{}")),
                ("bad JSON", vu.version_payload(text=b"{]\0")),
                ("cut JSON", vu.version_payload(text=b'{"capabilities":{\0')),
                ("wrong type of capabilities", vu.version_payload(text=b'{"capabilities":7}\0')),
                ("string for a number", vu.version_payload({"max_msg_fds": "8"})),
                ("float for a number", vu.version_payload({"max_data_xfer_size": 1.5})),
                ("negative number", vu.version_payload({"max_data_xfer_size": -1})),
                ("number beyond 64 bits", vu.version_payload({"max_dma_maps": 1 << 70})),
                ("wrong type of a flag", vu.version_payload({"write_multiple": "yes"})),
                ("twin socket without its fd", vu.version_payload(
                    {"twin_socket": {"supported": True, "fd_index": 0}}))):
            self.expect_refused(self.version(payload), what)

    def test_107_version_replies_that_are_defined(self):
        for what, payload in (("empty text", vu.version_payload(text=b"\0")),
                              ("limits of 0", vu.version_payload({"max_data_xfer_size": 0, "max_msg_fds": 0})),
                              ("limit of 1", vu.version_payload({"max_data_xfer_size": 1})),
                              ("huge limits", vu.version_payload(
                                  {"max_data_xfer_size": 1 << 62, "max_msg_fds": 1 << 40})),
                              ("deep", vu.version_payload(text=b"[" * 10000 + b"]" * 10000 + b"\0")),
                              ("a mebibyte", vu.version_payload(text=b"{" + b" " * (1 << 20) + b"}\0"))):
            self.expect_defined(self.version(payload), what)

    def test_113_error_replies(self):
        for command in (vu.VERSION, vu.DEVICE_GET_INFO):
            for number in (0, 22, U32):
                for payload in (b"", bytes(100000)):
                    self.expect_refused(self.failing(command, number, payload), (command, number, len(payload)))
        for command in (vu.DEVICE_GET_REGION_INFO, vu.DEVICE_GET_IRQ_INFO, vu.REGION_READ):
            for payload in (b"", bytes(64)):
                self.expect_defined(self.failing(command, 5, payload), (command, len(payload)))

    @staticmethod
    def lies_about(command):
        honest = HonestDevice()

        def good(message_id, payload):
            return honest.honest(command, message_id, payload)

        def half(message_id, payload):
            whole = good(message_id, payload)[16:]
            return reply(command, message_id, b"\0\0" if command == vu.VERSION else whole[:len(whole) // 2])

        return {
            "other id": lambda i, p: good((i + 1) & 0xffff, p),
            "other command": lambda i, p: reply(99, i, good(i, p)[16:]),
            "a command": lambda i, p: vu.message(command, good(i, p)[16:], msg_id=i),
            "type 5": lambda i, p: reply(command, i, good(i, p)[16:], flags=5),
            "size 0": lambda i, p: reply(command, i, size=0),
            "size 15": lambda i, p: reply(command, i, size=15),
            "size 2^32-1": lambda i, p: reply(command, i, bytes(64), size=U32),
            "size 1 GiB": lambda i, p: reply(command, i, bytes(64), size=1 << 30),
            "no payload": lambda i, p: reply(command, i),
            "half a payload": half,
            "half a header": lambda i, p: good(i, p)[:7],
            "half a message": lambda i, p: good(i, p)[:-3],
            "silence": lambda i, p: None,
        }

    def test_114_replies_that_do_not_match_their_command(self):
        for command in (vu.VERSION, vu.DEVICE_GET_INFO, vu.DEVICE_GET_REGION_INFO, vu.DEVICE_GET_IRQ_INFO,
                        vu.REGION_READ):
            for what, lie in self.lies_about(command).items():
                self.expect_refused(self.device(command, lie), (command, what))

    def test_114_longer_replies_than_expected(self):
        for command in (vu.DEVICE_GET_INFO, vu.DEVICE_GET_REGION_INFO, vu.DEVICE_GET_IRQ_INFO, vu.REGION_READ):
            for extra in (1, 64, 200000):
                self.expect_defined(self.adding(command, after=bytes(extra)), (command, extra))

    def test_114_hangup(self):
        def hang_up(message_id, payload):
            raise Scripted.Hangup
        for command in (vu.VERSION, vu.DEVICE_GET_INFO, vu.DEVICE_GET_REGION_INFO, vu.DEVICE_GET_IRQ_INFO,
                        vu.REGION_READ):
            self.expect_refused(self.device(command, hang_up), command)

    def test_115_unexpected_fds(self):
        fd = os.memfd_create("unexpected")
        self.addCleanup(os.close, fd)
        for command in (vu.VERSION, vu.DEVICE_GET_INFO, vu.DEVICE_GET_REGION_INFO, vu.DEVICE_GET_IRQ_INFO,
                        vu.REGION_READ):
            for n in (1, 8, 200):
                self.expect_defined(self.adding(command, fds=[fd] * n), (command, n))

    def test_111_command_of_the_server_in_between(self):
        # With the ids that a client is likely to use itself.
        for message_id in range(8):
            self.expect_accepted(self.adding(vu.DEVICE_GET_INFO, vu.message(
                vu.DMA_READ, struct.pack("<QQ", 0x1000, 4), msg_id=message_id)), message_id)

    def test_111_commands_of_the_server_that_make_no_sense(self):
        for command, payload in ((vu.DMA_READ, b""), (vu.DMA_READ, struct.pack("<QQ", U64, U64)),
                                 (vu.DMA_WRITE, struct.pack("<QQ", 0, 1 << 60)), (0, b""), (999, bytes(64))):
            self.expect_defined(self.adding(vu.DEVICE_GET_INFO, vu.message(command, payload)),
                                (command, len(payload)))

    def test_119_absurd_counts(self):
        for n_regions, n_irqs in ((0, 0), (U32, 5), (9, U32), (U32, U32), (8, 2), (1 << 20, 5), (9, 1 << 20)):
            self.expect_defined(self.replying(vu.DEVICE_GET_INFO, struct.pack("<IIII", 16, 3, n_regions, n_irqs)),
                                (n_regions, n_irqs))

    def test_119_absurd_flags_and_argsz(self):
        for argsz, flags in ((0, 3), (15, 3), (U32, 3), (16, 0), (16, 1), (16, U32)):
            self.expect_defined(self.replying(vu.DEVICE_GET_INFO, struct.pack("<IIII", argsz, flags, 9, 5)),
                                (argsz, flags))

    def test_116_region_that_always_wants_a_larger_argsz(self):
        def more(message_id, payload):
            argsz, _, index = struct.unpack_from("<III", payload)
            return reply(vu.DEVICE_GET_REGION_INFO, message_id, struct.pack(
                "<IIIIQQ", min(argsz * 2, U32), 3, index, 0, 4096, 0))
        self.expect_refused(self.device(vu.DEVICE_GET_REGION_INFO, more), "ever more")
        for argsz in (0, 31, U32, 1 << 31):
            self.expect_defined(self.device(vu.DEVICE_GET_REGION_INFO, lambda i, p, argsz=argsz: reply(
                vu.DEVICE_GET_REGION_INFO, i, struct.pack("<IIIIQQ", argsz, 3, struct.unpack_from("<I", p, 8)[0],
                                                          0, 4096, 0))), argsz)

    def region_with(self, tail, cap_offset=32, flags=vu.REGION_FLAG_CAPS):
        device = self.device()
        device.region_tail[0] = (flags, cap_offset, tail)
        return device

    def test_116_region_capabilities_that_are_refused(self):
        entry = struct.pack("<HHI", 2, 1, 0) + bytes(8)
        for what, device in (
                ("loop of one", self.region_with(struct.pack("<HHI", 2, 1, 32) + bytes(8))),
                ("loop of two", self.region_with(struct.pack("<HHI", 2, 1, 48) + bytes(8) +
                                                 struct.pack("<HHI", 2, 1, 32) + bytes(8))),
                ("starts inside the fixed part", self.region_with(entry, cap_offset=16)),
                ("starts behind the reply", self.region_with(entry, cap_offset=48)),
                ("starts far behind", self.region_with(entry, cap_offset=U32 - 3)),
                ("header cut", self.region_with(entry[:6])),
                ("next inside the fixed part", self.region_with(struct.pack("<HHI", 2, 1, 8) + bytes(8))),
                ("next behind the reply", self.region_with(struct.pack("<HHI", 2, 1, 0x1000) + bytes(8))),
                ("next far behind", self.region_with(struct.pack("<HHI", 2, 1, U32) + bytes(8)))):
            self.expect_refused(device, what)

    def test_117_mappable_areas_that_are_refused(self):
        def sparse(n, *areas):
            return struct.pack("<HHIII", 1, 1, 0, n, 0) + b"".join(struct.pack("<QQ", *area) for area in areas)

        for what, tail in (("more areas than there are", sparse(4, (0, 4096))),
                           ("2^32 - 1 areas", sparse(U32, (0, 4096))),
                           ("2^28 areas", sparse(1 << 28)),
                           ("area behind the region", sparse(1, (0x1000, 0x1000))),
                           ("area too long", sparse(1, (0, 0x2000))),
                           ("area wraps", sparse(1, (U64 - 0xfff, 0x2000)))):
            self.expect_refused(self.region_with(tail), what)

    def test_116_unknown_capabilities_are_skipped(self):
        for what, device in (
                ("unknown id", self.region_with(struct.pack("<HHI", 0x7777, 1, 0) + bytes(8))),
                ("version 2", self.region_with(struct.pack("<HHI", 1, 2, 0) + bytes(8))),
                ("no area", self.region_with(struct.pack("<HHIII", 1, 1, 0, 0, 0))),
                ("caps flag without offset", self.region_with(bytes(16), cap_offset=0)),
                ("mappable without an fd", self.region_with(b"", 0, vu.REGION_FLAG_MMAP))):
            self.expect_defined(device, what)

    def test_119_region_sizes(self):
        for size in (1, 0xfff, 1 << 40, 1 << 63, U64):
            device = self.device()
            device.regions[0] = (size, 3)
            self.expect_defined(device, f"BAR of {size}")
        for size in (0, 1, 63, 64, 255, 4096, 4097, 1 << 40, 1 << 63, U64):
            device = self.device()
            device.regions[vu.REGION_CONFIG] = (size, 3)
            device.config = pci_config(4097)
            self.expect_defined(device, f"config space of {size}")

    def test_119_region_that_answers_for_another(self):
        self.expect_defined(self.replying(vu.DEVICE_GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 3, 1234, 0, 4096, 0)))

    def test_120_reads_with_more_or_less_data_than_asked(self):
        def device(give):
            def read(message_id, payload):
                offset, region, count = struct.unpack("<QII", payload)
                claimed, data = give(count)
                return reply(vu.REGION_READ, message_id, struct.pack("<QII", offset, region, claimed) + data)
            return self.device(vu.REGION_READ, read)

        for what, give in (("count larger than asked", lambda n: (n + 1, bytes(n + 1))),
                           ("count 2^32 - 1", lambda n: (U32, bytes(n))),
                           ("data missing", lambda n: (n, bytes(n - 1))),
                           ("no data", lambda n: (n, b""))):
            self.expect_refused(device(give), what)
        for what, give in (("count 0", lambda n: (0, b"")), ("one byte only", lambda n: (1, b"\0"))):
            self.expect_defined(device(give), what)

    def config_with(self, *patches, size=256):
        device = self.device()
        device.config = pci_config(size)
        device.regions[vu.REGION_CONFIG] = (size, 3)
        for offset, data in patches:
            device.config[offset:offset + len(data)] = data
        return device

    def test_pci_capabilities_that_loop_or_stray_do_no_harm(self):
        for what, device in (
                ("loop of one", self.config_with((0x41, b"\x40"))),
                ("loop of two", self.config_with((0x51, b"\x40"))),
                ("pointer into the header", self.config_with((0x34, b"\x04"))),
                ("pointer to the last byte", self.config_with((0x34, b"\xff"))),
                ("pointer to the last word", self.config_with((0x34, b"\xfc"), (0xfc, b"\x11\0"))),
                ("vendor capability of 0 bytes", self.config_with((0x62, b"\0"))),
                ("vendor capability of 255 bytes", self.config_with((0x62, b"\xff"))),
                ("virtio capability at the end", self.config_with(
                    (0, b"\xf4\x1a\x41\x10"), (0x34, b"\xfc"), (0xfc, b"\x09\0\x10\1"))),
                ("all ones", self.config_with((0, b"\xff" * 256))),
                ("all zero", self.config_with((0, bytes(256)))),
                ("all capabilities", self.config_with((0x40, bytes((0x05 + i) & 0xff for i in range(192))))),
                ("extended loop", self.config_with((0x100, struct.pack("<I", 1 | 1 << 16 | 0x100 << 20)), size=4096)),
                ("extended at the end", self.config_with((0x100, struct.pack("<I", 1 | 1 << 16 | 0xffc << 20)),
                                                         (0xffc, struct.pack("<I", 0xb | 1 << 16)), size=4096)),
                ("extended into the header", self.config_with((0x100, struct.pack("<I", 1 | 1 << 16 | 4 << 20)),
                                                              size=4096))):
            self.expect_defined(device, what)

    def test_silence_ends_at_the_timeout(self):
        for command in (vu.VERSION, vu.REGION_READ):
            self.expect_refused(self.device(command, lambda i, p: None), command)

    def test_flood_of_replies_to_nothing(self):
        junk = vu.message(vu.DEVICE_RESET, flags=vu.TYPE_REPLY, msg_id=0x7777) * 2000
        self.expect_defined(self.adding(vu.DEVICE_GET_INFO, junk))


if __name__ == "__main__":
    unittest.main()
