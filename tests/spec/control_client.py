# SPDX-License-Identifier: BSD-3-Clause
"""A client of the control socket, from docs/control.md alone, and guests made of a few frames."""
import array
import json
import socket

import fixture
import vfio_user_client as vu
from stream_client import StreamClient

BROADCAST = b"\xff" * 6
MAC = bytes.fromhex("020000000001")
OTHER = bytes.fromhex("020000000002")


class ControlError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.message = error["message"]


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(vu.DEADLINE)
        self.socket.connect(path)
        self.bytes = b""
        self.greeting = self.read()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read_line(self):
        """A line without its newline; None at the end."""
        while b"\n" not in self.bytes:
            part = self.socket.recv(65536)
            if not part:
                return None
            self.bytes += part
        line, _, self.bytes = self.bytes.partition(b"\n")
        return line

    def read(self):
        line = self.read_line()
        return None if line is None else json.loads(line)

    def send(self, text, fds=()):
        data = text if isinstance(text, bytes) else text.encode()
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.socket.sendmsg([data], ancillary)
        self.socket.sendall(data[sent:])

    def ask(self, text, fds=()):
        """A line as it is. The answer."""
        self.send(text if isinstance(text, bytes) else text + "\n", fds)
        return self.read()

    def call(self, method, fds=(), **params):
        """The result. Parameters have _ for -."""
        request = {"id": 7, "method": method}
        if params:
            request["params"] = {name.replace("_", "-"): value for name, value in params.items()}
        answer = self.ask(json.dumps(request), fds)
        if answer["id"] != 7:
            raise AssertionError(answer)
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer["result"]

    def port(self, name):
        found = [port for port in self.call("ports")["ports"] if port["name"] == name]
        return found[0] if found else None


class ControlledTestCase(fixture.ServedTestCase):
    """A network with a control socket, and one device, for all tests of a class."""
    nics = 1
    mode = "host"

    @classmethod
    def start(cls):
        cls.control_path = cls.directory.join("control")
        return fixture.Outrigger(cls.directory, cls.nics, cls.mode, (*fixture.SUBNET, "--control", cls.control_path))


def frame(to, source, payload=b"\x88\xb5" + bytes(46)):
    return to + source + payload


class StreamGuest(StreamClient):
    def receive_of(self, source):
        """The next frame from this address."""
        while True:
            data = self.receive()
            if data[6:12] == source:
                return data
