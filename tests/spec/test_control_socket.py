#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The control socket of a running network (docs/control.md): framing, every method, and who may come."""
import json
import os
import re
import socket
import stat
import struct
import sys
import time
import unittest

import fixture
import vfio_user_client as vu
from control_client import BROADCAST, MAC, OTHER, Control, ControlError, ControlledTestCase, StreamGuest, frame

# Not a request: what it is, the code, what the message holds.
MALFORMED = (
    ('', "malformed", "no JSON"),
    ('{', "malformed", "byte 2"),
    ('{"method":"status"} x', "malformed", "byte 21"),
    ('{"method":"status"}\0', "malformed", "byte 20: a zero byte"),
    ('{"method":"status",}', "malformed", "no JSON"),
    (b'{"method":"\xff"}\n', "malformed", "no JSON"),
    ('[' * 100, "malformed", "no JSON"),
    ('[]', "malformed", "a request is an object"),
    ('"status"', "malformed", "a request is an object"),
    ('null', "malformed", "a request is an object"),
    ('{}', "malformed", '"method" is missing'),
    ('{"method":1}', "malformed", "method"),
    ('{"method":null}', "malformed", "method"),
    ('{"method":"status\\u0000"}', "malformed", "method"),
    ('{"method":"status","params":[]}', "malformed", "params: not an object"),
    ('{"method":"status","params":null}', "malformed", "params: not an object"),
    ('{"method":"status","id":[]}', "malformed", "id"),
    ('{"method":"status","id":1.5}', "malformed", "id"),
    ('{"method":"status","jsonrpc":"2.0"}', "malformed", 'unknown member "jsonrpc"'),
    ('{"method":"reboot"}', "unknown-method", 'no method "reboot"'),
    ('{"method":"status","params":{"x":1}}', "invalid", 'unknown parameter "x"'),
    ('{"method":"set-link","params":{"port":"nic0"}}', "invalid", '"up" is missing'),
    ('{"method":"set-link","params":{"port":"nic0","up":1}}', "invalid", "up: not true or false"),
    ('{"method":"set-link","params":{"port":1,"up":true}}', "invalid", "port: not a string"),
    ('{"method":"set-link","params":{"port":null,"up":true}}', "invalid", "port: not a string"),
    ('{"method":"set-link","params":{"port":"a\\u0000b","up":true}}', "invalid", "port: not a string"),
    ('{"method":"set-link","params":{"port":"x","up":true}}', "not-found", "no port is called x"),
)

# Parameters that make no sense: method, parameters, the code, what the message holds.
INVALID = (
    ("add-port", {"kind": "tap", "path": "/x"}, "invalid", "neither nic nor stream nor dgram"),
    ("add-port", {"kind": "nic"}, "invalid", "path: missing"),
    ("add-port", {"kind": "nic", "path": "x"}, "invalid", "not absolute"),
    ("add-port", {"kind": "nic", "path": ""}, "invalid", "empty"),
    ("add-port", {"kind": "nic", "path": "/x/"}, "invalid", "ends with"),
    ("add-port", {"kind": "nic", "path": "/" + "x" * 200}, "invalid", "107"),
    ("add-port", {"kind": "nic", "path": "/x", "fd": 1}, "invalid", 'unknown parameter "fd"'),
    ("add-port", {"kind": "nic", "path": "/x", "mac": "01:00:00:00:00:00"}, "invalid", "mac="),
    ("add-port", {"kind": "nic", "path": "/x", "mtu": 1}, "invalid", "68 to"),
    ("add-port", {"kind": "nic", "path": "/x", "mtu": -1500}, "invalid", "mtu: not"),
    ("add-port", {"kind": "nic", "path": "/x", "mtu": 2 ** 63}, "invalid", "mtu: not"),
    ("add-port", {"kind": "nic", "path": "/x", "mtu": 9000}, "invalid", "more than the network's 1500"),
    ("add-port", {"kind": "nic", "path": "/x", "name": "a b"}, "invalid", "no name of a port"),
    ("add-port", {"kind": "nic", "path": "/x", "rate": "fast"}, "invalid", "rate=fast"),
    ("add-port", {"kind": "nic", "path": "/x", "isolated": 2}, "invalid", "neither on nor off"),
    ("add-port", {"kind": "nic", "path": "/x", "mode": "0999"}, "invalid", "octal"),
    ("add-port", {"kind": "nic", "path": "/x", "name": "nic0"}, "exists", "has the name nic0 already"),
    ("add-port", {"kind": "nic", "path": "/nowhere/x"}, "not-found", "directory does not exist"),
    ("remove-port", {"port": "x"}, "not-found", "no port is called x"),
    ("set-limits", {"port": "nic0"}, "invalid", "no limit"),
    ("set-limits", {"port": "nic0", "rate": "x"}, "invalid", "rate=x"),
    ("set-limits", {"port": "x", "rate": "1mbit"}, "not-found", "no port is called x"),
    ("add-forward", {"forward": "x"}, "invalid", "PROTOCOL:HOST-GUEST:PORT"),
    ("add-forward", {"forward": "tcp:0.0.0.0:9-x:9"}, "invalid", "a host network is closed to the outside"),
    ("remove-forward", {"forward": "tcp:127.0.0.1:9-x:9"}, "not-found", "no such forward"),
    ("add-reservation", {"mac": "x", "address": "192.168.77.5"}, "invalid", "x=192.168.77.5"),
    ("remove-reservation", {"mac": "x"}, "invalid", ""),
)


class ControlTestCase(ControlledTestCase):
    def control(self):
        client = Control(self.control_path)
        self.addCleanup(client.close)
        return client

    def guest(self, path):
        guest = StreamGuest(path)
        self.addCleanup(guest.close)
        return guest

    def until(self, is_so):
        """Asks again until it is so."""
        end = time.monotonic() + vu.DEADLINE
        while not is_so():
            self.assertLess(time.monotonic(), end)

    def assert_refused(self, code, holds, call):
        with self.assertRaises(ControlError) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception)
        self.assertIn(holds, caught.exception.message)


class Framing(ControlTestCase):
    def test_greeting_names_program_and_protocol(self):
        greeting = self.control().greeting
        self.assertEqual(greeting["protocol"], 1)
        self.assertRegex(greeting["outrigger"], r"^\d+\.\d+\.\d+$")

    def test_id_comes_back_as_it_was(self):
        control = self.control()
        for value in ("7", '"seven"', "-1", '""', "null"):
            answer = control.ask('{"method":"leases","id":%s}' % value)
            self.assertEqual(answer["id"], json.loads(value))
        self.assertIsNone(control.ask('{"method":"leases"}')["id"])

    def test_malformed_request_is_answered_and_the_connection_goes_on(self):
        control = self.control()
        for text, code, holds in MALFORMED:
            answer = control.ask(text)
            self.assertEqual(answer["error"]["code"], code, (text, answer))
            self.assertIn(holds, answer["error"]["message"], text)
        self.assertIn("mode", control.call("status"))

    def test_error_has_the_id_when_there_was_one(self):
        control = self.control()
        for text in ('{"id":5,"method":"x"}', '{"method":1,"id":5}', '{"x":1,"id":5}',
                     '{"method":"status","params":{"x":1},"id":5}'):
            self.assertEqual(control.ask(text)["id"], 5)

    def test_request_one_byte_at_a_time(self):
        control = self.control()
        for byte in b'{"id":3,"method":"status"}\n':
            control.send(bytes([byte]))
        self.assertEqual(control.read()["id"], 3)

    def test_many_requests_at_once_are_answered_in_their_order(self):
        control = self.control()
        control.send("".join(f'{{"id":{i},"method":"status"}}\n' for i in range(300)))
        for i in range(300):
            self.assertEqual(control.read()["id"], i)

    def test_longest_request_passes_and_a_longer_one_is_skipped(self):
        control = self.control()
        text = '{"id":1,"method":"status"}'
        self.assertIn("result", control.ask(text + " " * (65536 - len(text))))
        for size in (65537, 65538, 131072, 131073, 1000000):
            answer = control.ask(text + " " * (size - len(text)))
            self.assertEqual(answer["error"]["code"], "too-large", size)
            self.assertIsNone(answer["id"])
            self.assertEqual(control.ask('{"id":2,"method":"status"}')["id"], 2)

    def test_request_without_its_end_is_told_of_when_the_client_hangs_up(self):
        control = self.control()
        control.send('{"id":1,"method":"status"}\n{"id":2,"meth')
        control.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(control.read()["id"], 1)
        self.assertIn("no end", control.read()["error"]["message"])
        self.assertIsNone(control.read_line())

    def test_client_that_hangs_up_its_side_gets_all_answers(self):
        control = self.control()
        control.send("".join(f'{{"id":{i},"method":"ports"}}\n' for i in range(50)))
        control.socket.shutdown(socket.SHUT_WR)
        self.assertEqual([control.read()["id"] for _ in range(50)], list(range(50)))
        self.assertIsNone(control.read_line())

    def test_client_that_goes_in_the_middle_disturbs_nobody(self):
        for text in ("", "{", '{"method":"status"}\n{"', '{"method":"status"}\n' * 1000):
            control = self.control()
            control.send(text)
            control.close()
        self.assertIn("mode", self.control().call("status"))

    def test_client_that_does_not_read_is_not_read_from(self):
        slow = self.control()
        slow.socket.setblocking(False)
        sent = 0
        request = b'{"method":"ports"}\n' * 1000
        try:
            while sent < 1 << 26:
                sent += slow.socket.send(request)
        except BlockingIOError:
            pass
        self.assertLess(sent, 1 << 22)
        self.assertIn("mode", self.control().call("status"))    # which nobody had to wait for
        slow.socket.setblocking(True)
        slow.socket.settimeout(vu.DEADLINE)
        slow.socket.shutdown(socket.SHUT_WR)
        whole, answers = sent // len(b'{"method":"ports"}\n'), 0
        while True:
            answer = slow.read()
            if answer is None:
                break
            answers += "result" in answer
        self.assertEqual(answers, whole)

    def test_257th_client_is_told_and_refused(self):
        clients = [self.control() for _ in range(256)]
        for client in clients:    # accepted, not only waiting
            client.call("leases")
        refused = self.control()
        self.assertEqual(refused.greeting["error"]["code"], "busy")
        self.assertIsNone(refused.read_line())
        clients[3].close()
        self.until(lambda: "protocol" in self.control().greeting)

    def test_fd_that_is_not_asked_for_is_refused_and_closed(self):
        control = self.control()
        before = len(self.server.fds())
        fd = self.memfd(1, "control-test")
        answer = control.ask('{"method":"status"}', [fd])
        self.assertEqual(answer["error"]["code"], "invalid")
        self.assertIn("takes no fd", answer["error"]["message"])
        control.send('{"method":"sta', [fd, fd])
        self.assertIn("error", control.ask('tus"}'))
        self.assertIn("error", control.ask("x" * 70000, [fd]))
        self.assertIn("error", control.ask('{"', [fd]))
        self.assertIn("result", control.ask('{"method":"status"}'))
        self.assertEqual(len(self.server.fds()), before)
        self.assertFalse(self.server.holds("control-test"))


class Access(ControlTestCase):
    def test_only_the_owner_may_connect_by_default(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.control_path).st_mode), 0o600)

    def test_mode_and_group_are_settable(self):
        path = self.directory.join("open")
        server = fixture.Server([path], ["net", "host", "--control", f"{path},mode=0660,group={os.getgid()}"])
        self.addCleanup(server.kill)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        server.stop()

    def test_path_that_is_no_text_is_told_as_text(self):
        path = self.directory.join("path")
        server = fixture.Server([path], ["net", "host", "--control", path, "--nic", os.fsencode(path) + b"-\xff\xc3\xa9"])
        self.addCleanup(server.kill)
        with Control(path) as control:
            self.assertEqual(control.call("ports")["sockets"][0]["path"], path + "-?\u00e9")
        server.stop()

    def test_socket_of_a_service_manager_is_used_and_left_alone(self):
        path = self.directory.join("passed")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            program = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); " \
                "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv(sys.argv[2], sys.argv[2:])"
            server = fixture.Server([], ["-c", program, str(listener.fileno()), fixture.executable(), "net", "host",
                                         "--control", path], program=sys.executable, pass_fds=[listener.fileno()])
        self.addCleanup(server.kill)
        with Control(path) as control:
            self.assertEqual(control.call("status")["mode"], "host")
        server.stop()
        self.assertTrue(os.path.lexists(path))

    def test_socket_that_is_served_is_not_taken_over(self):
        process = fixture.Process(["net", "host", "--control", self.control_path])
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(), 1)
        self.assertIn(f"--control {self.control_path}: another process serves it", process.stderr())


class Methods(ControlTestCase):
    def test_status_says_what_is_served(self):
        status = self.control().call("status")
        self.assertEqual({key: status[key] for key in ("mode", "network", "gateway", "end_address", "subnet_mask", "mtu",
                                                       "isolated", "dhcp", "ports", "ports_up", "forwards")},
                         {"mode": "host", "network": "user", "gateway": "192.168.77.1", "end_address": "192.168.77.99",
                          "subnet_mask": "255.255.255.0", "mtu": 1500, "isolated": False, "dhcp": True, "ports": 1,
                          "ports_up": 0, "forwards": 0})
        self.assertNotIn("nat66_prefix", status)

    def test_parameters_that_make_no_sense_are_refused_and_change_nothing(self):
        control = self.control()
        before = control.call("ports")
        for method, params, code, holds in INVALID:
            with self.subTest(method=method, params=params):
                self.assert_refused(code, holds, lambda m=method, p=params: control.call(m, **p))
        self.assertEqual(control.call("ports"), before)
        self.assertEqual(control.call("forwards")["forwards"], [])

    def test_port_of_a_vmm_is_connected(self):
        control = self.control()
        self.assertFalse(control.port("nic0")["connected"])
        client = self.connect()
        self.until(lambda: control.port("nic0")["connected"])
        client.close()
        self.until(lambda: not control.port("nic0")["connected"])

    def test_guests_use_a_port_that_is_added_while_it_runs(self):
        control = self.control()
        path = self.directory.join("stream")
        self.assertEqual(control.call("add-port", kind="stream", path=path), {"name": "stream"})
        one, two = self.guest(path), self.guest(path)
        self.until(lambda: control.port("stream") and control.port("stream/2"))
        one.send(frame(BROADCAST, MAC))
        two.receive_of(MAC)
        two.send(frame(MAC, OTHER))
        one.receive_of(OTHER)
        found = {each["mac"]: each["port"] for each in control.call("addresses")["addresses"]}
        self.assertEqual(found["02:00:00:00:00:01"], "stream")
        self.assertEqual(found["02:00:00:00:00:02"], "stream/2")
        port = control.port("stream/2")
        self.assertEqual((port["kind"], port["connected"], port["mac"]), ("stream", True, "02:00:00:00:00:02"))
        self.assertEqual(port["counters"]["from_guest_frames"], 1)
        self.assertEqual(port["counters"]["from_guest_bytes"], 60)
        self.assertEqual(control.call("counters")["sockets"]["stream"]["guests"], 2)
        self.assert_refused("unsupported", "no socket of its own", lambda: control.call("remove-port", port="stream/2"))
        control.call("remove-port", port="stream")
        for guest in (one, two):
            with self.assertRaises(EOFError):
                guest.receive_of(b"nobody")
        self.assertIsNone(control.port("stream"))
        self.assertFalse(os.path.lexists(path))

    def test_nic_is_added_with_a_mac_of_its_own_and_removed(self):
        control = self.control()
        path = self.directory.join("nic9")
        added = control.call("add-port", kind="nic", path=path, rate="100mbit", mtu=1400, mode="0660")
        self.assertEqual(added["name"], "nic9")
        port = control.port("nic9")
        self.assertEqual((port["mac"], port["mtu"], port["limits"]),
                         (added["mac"], 1400, {"rate_to_guest": 100000000, "rate_from_guest": 100000000}))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        vu.connect_when_free(path).close()
        self.assert_refused("in-use", "port nic9 has this socket already",
                            lambda: control.call("add-port", kind="dgram", path=path, name="other"))
        self.assert_refused("exists", "has the same MAC", lambda: control.call(
            "add-port", kind="nic", path=path + "x", mac=added["mac"]))
        control.call("remove-port", port="nic9")
        self.assertFalse(os.path.lexists(path))

    def test_port_comes_as_an_fd(self):
        control = self.control()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assert_refused("invalid", "name: missing", lambda: control.call("add-port", [theirs.fileno()], kind="stream"))
            self.assert_refused("invalid", "both", lambda: control.call(
                "add-port", [theirs.fileno()], kind="stream", path=self.directory.join("x")))
            control.call("add-port", [theirs.fileno()], kind="stream", name="passed")
            theirs.close()
            self.assertTrue(control.port("passed")["connected"])
            control.call("remove-port", port="passed")
            ours.settimeout(vu.DEADLINE)
            self.assertEqual(ours.recv(1), b"")

    def test_port_whose_socket_came_connected_goes_with_its_peer(self):
        control = self.control()
        before = len(self.server.fds())
        for kind in ("nic", "stream"):
            for how in ("hang up", "rubbish"):
                ours, theirs = socket.socketpair()
                with ours, theirs:
                    control.call("add-port", [theirs.fileno()], kind=kind, name="passed", mac="02:00:00:00:00:77")
                    theirs.close()
                    self.assertIsNotNone(control.port("passed"), kind)
                    if how == "rubbish":
                        ours.sendall(b"\xff" * 32)
                        ours.settimeout(vu.DEADLINE)
                        while ours.recv(4096):
                            pass
                self.until(lambda: control.port("passed") is None)
        self.assertEqual(len(self.server.fds()), before)

    def test_port_whose_socket_listens_outlives_its_peers(self):
        control = self.control()
        path = self.directory.join("listening")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            control.call("add-port", [listener.fileno()], kind="nic", name="listening")
        for _ in range(2):
            with vu.connect_when_free(path) as client:
                client.round_trip()
        self.until(lambda: not control.port("listening")["connected"])
        control.call("remove-port", port="listening")

    def test_fd_that_is_no_socket_is_refused(self):
        control = self.control()
        fd = self.memfd(1)
        self.assert_refused("failed", "not a socket", lambda: control.call("add-port", [fd], kind="stream", name="x"))

    def test_no_frame_passes_a_link_that_is_down(self):
        control = self.control()
        path = self.directory.join("stream")
        control.call("add-port", kind="stream", path=path)
        self.addCleanup(control.call, "remove-port", port="stream")
        one, two = self.guest(path), self.guest(path)
        self.until(lambda: control.port("stream") and control.port("stream/2"))
        control.call("set-link", port="stream", up=False)
        self.assertFalse(control.port("stream")["link"])
        one.send(frame(BROADCAST, MAC))
        self.until(lambda: control.port("stream")["counters"]["link_dropped"] == 1)
        control.call("set-link", port="stream", up=True)
        one.send(frame(BROADCAST, OTHER))
        self.assertEqual(two.exactly(4 + 60)[4 + 6:4 + 12], OTHER)

    def test_limits_of_a_socket_are_for_guests_to_come(self):
        control = self.control()
        path = self.directory.join("stream")
        control.call("add-port", kind="stream", path=path, rate_to_guest="8mbit")
        self.addCleanup(control.call, "remove-port", port="stream")
        self.guest(path)
        self.until(lambda: control.port("stream"))
        self.assertEqual(control.port("stream")["limits"], {"rate_to_guest": 8000000, "rate_from_guest": 0})
        control.call("set-limits", port="stream", rate_from_guest=16000)
        self.guest(path)
        self.until(lambda: control.port("stream/2"))
        for name in ("stream", "stream/2"):
            self.assertEqual(control.port(name)["limits"], {"rate_to_guest": 8000000, "rate_from_guest": 16000})
        control.call("set-limits", port="stream/2", rate=0)
        self.assertEqual(control.port("stream/2")["limits"], {"rate_to_guest": 0, "rate_from_guest": 0})
        self.assertEqual(control.port("stream")["limits"]["rate_from_guest"], 16000)

    def test_reservations_are_added_listed_removed(self):
        control = self.control()
        control.call("add-reservation", mac="02:00:00:00:00:0a", address="192.168.77.10", name="web")
        self.assertEqual(control.call("leases")["leases"],
                         [{"mac": "02:00:00:00:00:0a", "address": "192.168.77.10", "name": "web", "expires_s": None,
                           "reserved": True}])
        for params, holds in (({"mac": "02:00:00:00:00:0a", "address": "192.168.77.11"}, ""),
                              ({"mac": "02:00:00:00:00:0b", "address": "192.168.77.10"}, "")):
            self.assert_refused("exists", holds, lambda p=params: control.call("add-reservation", **p))
        self.assert_refused("invalid", "", lambda: control.call(
            "add-reservation", mac="02:00:00:00:00:0b", address="10.0.0.1"))
        control.call("remove-reservation", mac="02:00:00:00:00:0a")
        self.assertEqual(control.call("leases")["leases"], [])
        self.assert_refused("not-found", "nothing is reserved", lambda: control.call(
            "remove-reservation", mac="02:00:00:00:00:0a"))

    def test_forward_to_a_reserved_name_is_active(self):
        control = self.control()
        control.call("add-forward", forward="tcp:127.0.0.1:18080-web:80")
        control.call("add-reservation", mac="02:00:00:00:00:0a", address="192.168.77.10", name="web")
        self.until(lambda: control.call("forwards")["forwards"][0]["active"])
        self.assertEqual(control.call("forwards")["forwards"][0]["guest_address"], "192.168.77.10")
        control.call("remove-reservation", mac="02:00:00:00:00:0a")
        self.assertFalse(control.call("forwards")["forwards"][0]["active"])
        control.call("remove-forward", forward="tcp:127.0.0.1:18080-web:80")

    def test_forwards_are_added_listed_removed(self):
        control = self.control()
        control.call("add-forward", forward="tcp:127.0.0.1:8080-web:80")
        self.assertEqual(control.call("forwards")["forwards"],
                         [{"forward": "tcp:127.0.0.1:8080-web:80", "active": False, "guest_address": None}])
        self.assert_refused("exists", "already", lambda: control.call("add-forward", forward="tcp:127.0.0.1:8080-x:1"))
        control.call("remove-forward", forward="tcp:127.0.0.1:8080-any:1")
        self.assertEqual(control.call("forwards")["forwards"], [])


EVENT = {"capture": "int", "why": "str", "frames": "int", "dropped": "int", "bytes": "int"}


def shape(value):
    """Members and types, not values: what examples promise."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def parse_metrics(text):
    """OpenMetrics text: samples by name and labels; what is wrong with it is an AssertionError."""
    if not text.endswith("# EOF\n"):
        raise AssertionError(text[-100:])
    samples, kinds, family, seen = {}, {}, None, set()
    for line in text[:-len("# EOF\n")].splitlines():
        if line.startswith("# TYPE "):
            family, kind = line[len("# TYPE "):].split(" ")
            assert family not in kinds and kind in ("counter", "gauge"), line
            kinds[family] = kind
            continue
        if line.startswith("# HELP "):
            assert line.split(" ")[2] == family, line
            continue
        match = re.fullmatch(r'([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)+)\})? (\d+)', line)
        assert match, line
        assert match[1] == family + ("_total" if kinds[family] == "counter" else ""), line
        labels = tuple(sorted(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2] or "")))
        assert (match[1], labels) not in seen, line
        seen.add((match[1], labels))
        samples[match[1], labels] = int(match[3])
    return samples


class Captures(ControlTestCase):
    def setUp(self):
        super().setUp()
        self.client = self.control()
        path = self.directory.join("stream")
        self.client.call("add-port", kind="stream", path=path)
        self.addCleanup(lambda: self.control().call("remove-port", port="stream"))
        self.one, self.two = self.guest(path), self.guest(path)
        self.until(lambda: self.client.port("stream") and self.client.port("stream/2"))

    def start_capture(self, **params):
        """Our end, the capture's number."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        ours.settimeout(vu.DEADLINE)
        with theirs:
            return ours, self.client.call("capture-start", [theirs.fileno()], **params)["capture"]

    def read_file(self, ours):
        """Frames of a pcap file, up to its end."""
        data = b""
        while True:
            part = ours.recv(65536)
            if not part:
                break
            data += part
        self.assertEqual(struct.unpack("<IHHiIII", data[:24]), (0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        frames, at = [], 24
        while at < len(data):
            _, _, here, whole = struct.unpack("<IIII", data[at:at + 16])
            frames.append(data[at + 16:at + 16 + here])
            self.assertLessEqual(here, whole)
            at += 16 + here
        return frames

    def exchange(self, n=1):
        for _ in range(n):
            self.one.send(frame(BROADCAST, MAC))
            self.two.receive_of(MAC)

    def assert_ended(self, number, why, frames):
        event = self.client.read()
        self.assertEqual(event["event"], "capture-ended")
        self.assertEqual(shape(event["params"]), EVENT)
        self.assertEqual((event["params"]["capture"], event["params"]["why"], event["params"]["frames"]),
                         (number, why, frames))
        self.assertEqual(self.client.call("captures")["captures"], [])

    def test_network_is_captured_until_it_is_stopped(self):
        ours, number = self.start_capture()
        self.exchange(3)
        self.assertEqual(self.client.call("captures")["captures"],
                         [{"capture": number, "port": None, "filter": None, "limit": 0, "frames": 3, "dropped": 0,
                           "bytes": 24 + 3 * 76}])
        self.client.call("capture-stop", capture=number)
        self.assertEqual(self.read_file(ours), 3 * [frame(BROADCAST, MAC)])
        self.assert_ended(number, "it was stopped", 3)
        self.assert_refused("not-found", "no capture has number", lambda: self.client.call("capture-stop", capture=number))

    def test_port_filter_and_limit_are_kept(self):
        ours, number = self.start_capture(port="stream/2", filter="ether src 02:00:00:00:00:01", limit=24 + 76 + 40)
        self.two.send(frame(BROADCAST, OTHER))
        self.one.receive_of(OTHER)
        self.exchange(2)
        self.assertEqual(self.read_file(ours), [frame(BROADCAST, MAC)])
        self.assert_ended(number, "its size limit is reached", 2)

    def test_reader_that_hangs_up_ends_it(self):
        ours, number = self.start_capture()
        ours.close()
        self.assert_ended(number, "its reader is gone", 0)

    def test_port_that_is_removed_ends_it(self):
        path = self.directory.join("brief")
        self.client.call("add-port", kind="dgram", path=path)
        ours, number = self.start_capture(port="brief")
        self.control().call("remove-port", port="brief")
        self.assertEqual(self.read_file(ours), [])
        self.assert_ended(number, "its port is gone", 0)

    def test_capture_outlives_who_asked_for_it(self):
        ours, number = self.start_capture()
        self.client.close()
        other = self.control()
        self.until(lambda: other.call("captures")["captures"])
        self.exchange()
        other.call("capture-stop", capture=number)
        self.assertEqual(len(self.read_file(ours)), 1)
        self.assertEqual(other.call("captures")["captures"], [])    # and nobody was told of it

    def test_capture_that_nobody_reads_stops_when_told_twice(self):
        ours, number = self.start_capture()
        for _ in range(300):
            self.one.send(frame(BROADCAST, MAC, b"\x88\xb5" + bytes(1400)))
            self.two.receive_of(MAC)
        self.client.call("capture-stop", capture=number)
        self.client.call("capture-stop", capture=number)
        self.assertEqual(self.client.call("captures")["captures"], [])
        ours.close()

    def test_what_makes_no_capture_is_refused_and_its_fd_closed(self):
        before = len(self.server.fds())
        ours, theirs = socket.socketpair()
        fd = self.memfd(1)
        with ours, theirs:
            for fds, params, code, holds in (((), {}, "invalid", "no fd came"), ((fd,), {}, "invalid", "stream socket"),
                                             ((theirs.fileno(),), {"filter": "bogus ("}, "invalid", "bogus"),
                                             ((theirs.fileno(),), {"port": "x"}, "not-found", "no port is called x"),
                                             ((theirs.fileno(),), {"limit": -1}, "invalid", "limit: not a number"),
                                             ((ours.fileno(), theirs.fileno()), {}, "invalid", "more than one fd")):
                self.assert_refused(code, holds, lambda f=fds, p=params: self.client.call("capture-start", f, **p))
        self.assertEqual(len(self.server.fds()), before)

    def test_17th_capture_is_refused(self):
        kept = [self.start_capture() for _ in range(16)]
        self.assert_refused("full", "16 captures are running", self.start_capture)
        for ours, number in kept:
            self.client.call("capture-stop", capture=number)
            self.assertEqual(self.client.read()["event"], "capture-ended")

    def test_metrics_say_what_ports_says(self):
        self.exchange(5)
        samples = parse_metrics(self.client.call("metrics")["text"])
        counters = self.client.port("stream")["counters"]
        self.assertEqual(samples["outrigger_port_frames_total", (("direction", "from_guest"), ("port", "stream"))], 5)
        self.assertEqual(samples["outrigger_port_bytes_total", (("direction", "from_guest"), ("port", "stream"))],
                         counters["from_guest_bytes"])
        self.assertEqual(samples["outrigger_port_connected", (("kind", "stream"), ("port", "stream/2"))], 1)
        self.assertEqual(samples["outrigger_port_link", (("port", "nic0"),)], 1)
        self.assertEqual(samples["outrigger_port_dropped_frames_total", (("port", "nic0"), ("reason", "source_guard"))], 0)
        self.assertEqual(samples["outrigger_socket_guests", (("socket", "stream"),)], 2)
        self.assertEqual(samples["outrigger_forwards", (("state", "waiting"),)], 0)
        self.assertIn(("outrigger_network_dhcp_addresses", ()), samples)


class Examples(unittest.TestCase):
    def test_examples_of_the_manual_are_true(self):
        with open(os.path.join(fixture.HERE, "../../docs/control.md"), encoding="utf-8") as page:
            text = page.read()
        directory = fixture.Directory()
        self.addCleanup(directory.remove)
        path = directory.join("control")
        server = fixture.Server([path], ["net", "shared", "--nic", directory.join("nic0.sock"), "--control", path])
        self.addCleanup(server.kill)
        examples = re.findall(r"^    ([CS]): (.*)$", text, re.M)
        self.assertGreater(len(examples), 20)
        with Control(path) as control:
            self.assertEqual(shape(control.greeting), shape(json.loads(examples[0][1])))
            asked = answer = None
            for who, line in examples[1:]:
                if '"event"' in line:
                    self.assertEqual(shape(json.loads(line)["params"]), EVENT)
                    continue
                if who == "C":
                    asked = json.loads(line)
                    answer = control.ask(line.replace("/run/net", directory.path))
                    continue
                promised = json.loads(line)
                if "error" in promised:
                    self.assertEqual(answer, promised)
                elif asked["method"] == "counters":    # there may be more
                    self.assertEqual(answer["result"].keys(), promised["result"].keys())
                    self.assertLessEqual(promised["result"]["network"].keys(), answer["result"]["network"].keys())
                else:
                    self.assertEqual(shape(answer), shape(promised), line)
        server.stop()

    def test_manual_has_every_method(self):
        source = os.path.join(fixture.HERE, "../../src/net/control/methods.c")
        with open(os.path.join(fixture.HERE, "../../docs/control.md"), encoding="utf-8") as page:
            text = page.read()
        with open(source, encoding="utf-8") as file:
            methods = re.findall(r'\{ "([a-z-]+)", (?:NULL|\w+), (?:true|false), ', file.read())
        self.assertGreater(len(methods), 10)
        for method in methods:
            self.assertIn(f"`{method}`", text)


if __name__ == "__main__":
    unittest.main()
