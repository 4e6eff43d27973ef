# SPDX-License-Identifier: BSD-3-Clause
"""Stream and datagram sockets of the running program, made by it, inherited, and passed by a service manager.

What a port of one kind sends a port of the other receives: a client on each is enough to see that both work.
Details of either protocol: tests/unit/test_stream.c, test_dgram.c.
"""
import os
import signal
import socket
import stat
import sys
import unittest

from fixture import Directory, Process, Server, executable, sanitizer_report
from stream_client import StreamClient

TYPE = b"\x88\xb5"      # an EtherType for experiments: nobody else sends it
TIMEOUT = 20

# Becomes the program, with the fds of its arguments from 3 on, as a service manager does it.
ACTIVATE = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for number, fd in enumerate(fds):
    os.dup2(fd, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def frame(source, text, destination=b"\xff" * 6):
    return destination + b"\x02\0\0\0\x09" + bytes([source]) + TYPE + text.ljust(46, b"\0")


class StreamGuest(StreamClient):
    def receive(self):
        """The next frame of ours."""
        while True:
            data = super().receive()
            if data[12:14] == TYPE:
                return data


class DgramClient:
    def __init__(self, where, own=None):
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(own)
            self.socket.connect(where)
        else:
            self.socket = where
        self.socket.settimeout(TIMEOUT)

    def send(self, data):
        self.socket.send(data)

    def receive(self):
        while True:
            data = self.socket.recv(1 << 17)
            if data[12:14] == TYPE:
                return data

    def close(self):
        self.socket.close()


class PortsTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)
        self.stream, self.dgram = self.directory.join("stream"), self.directory.join("dgram")

    def serve(self, *arguments, paths=(), **popen):
        server = Server(paths, ["net", "host", *arguments], **popen)
        self.addCleanup(server.kill)
        return server

    def activate(self, sockets, names, *arguments):
        fds = [s.fileno() for s in sockets]
        server = Server((), ["-c", ACTIVATE, ",".join(map(str, fds)), names, executable(), "net", "host", *arguments],
                        program=sys.executable, pass_fds=fds)
        self.addCleanup(server.kill)
        return server

    def refused(self, *arguments, **popen):
        process = Process(["net", "host", *arguments], **popen)
        try:
            self.assertIn(process.wait(), (1, 2))
            self.assertIsNone(sanitizer_report(process.stderr()))
            return process.stderr()
        finally:
            process.kill()

    def client(self, kind, where, *arguments):
        client = kind(where, *arguments)
        self.addCleanup(client.close)
        return client

    def stream_client(self, where=None):
        return self.client(StreamGuest, where or self.stream)

    def dgram_client(self, where=None, name="client"):
        if where:
            return self.client(DgramClient, where)
        client = self.client(DgramClient, self.dgram, self.directory.join(name))
        client.send(b"VFKT")
        return client

    def bound(self, kind, path):
        made = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(made.close)
        made.bind(path)
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def pair(self, kind):
        ends = socket.socketpair(socket.AF_UNIX, kind)
        for end in ends:
            self.addCleanup(end.close)
        return ends

    def assert_joined(self, a, b):
        """Each hears the other. A frame goes nowhere until the network knows that the other one is there, so it is
        repeated; what was sent more than once may come more than once."""
        for first, second, source in (a, b, 1), (b, a, 2):
            sent = frame(source, os.urandom(8).hex().encode())
            second.socket.settimeout(0.2)
            for _ in range(100):
                first.send(sent)
                try:
                    while second.receive() != sent:
                        pass
                    break
                except TimeoutError:
                    continue
            else:
                self.fail("nothing came")


class Made(PortsTestCase):
    def test_stream_and_datagram_guests_are_on_one_network(self):
        server = self.serve("--stream", self.stream, "--dgram", self.dgram, paths=[self.stream, self.dgram])
        stream, second, dgram = self.stream_client(), self.stream_client(), self.dgram_client()
        self.assert_joined(stream, dgram)
        self.assert_joined(second, stream)
        server.stop()

    def test_files_have_the_mode_that_was_asked_for(self):
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        self.serve("--stream", f"{self.stream},mode=0660", "--dgram", f"path={self.dgram},mode=0666")
        self.assertEqual(stat.S_IMODE(os.stat(self.stream).st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(os.stat(self.dgram).st_mode), 0o666)

    def test_files_are_their_owners_only_unless_asked_for(self):
        self.serve("--stream", self.stream, "--dgram", self.dgram)
        for path in self.stream, self.dgram:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_sockets_of_a_killed_server_are_taken_over_and_those_of_a_live_one_not(self):
        arguments = ("--stream", self.stream, "--dgram", self.dgram)
        server = self.serve(*arguments)
        for option in "--stream", "--dgram":
            path = dict(zip(arguments[::2], arguments[1::2]))[option]
            self.assertIn(f"{option} {path}: another process serves it", self.refused(option, path))
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        self.assertTrue(os.path.exists(self.stream) and os.path.exists(self.dgram))
        self.serve(*arguments)
        self.assert_joined(self.stream_client(), self.dgram_client())

    def test_stream_of_something_else_is_hung_up_on_and_logged(self):
        server = self.serve("--stream", self.stream)
        stranger, guest = self.stream_client(), self.stream_client()
        stranger.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(stranger.socket.recv(1), b"")
        self.assertIn("as the length of a frame", server.stderr())
        another = self.stream_client()
        self.assert_joined(guest, another)


class Inherited(PortsTestCase):
    def test_connected_sockets_are_guests(self):
        stream, dgram = self.pair(socket.SOCK_STREAM), self.pair(socket.SOCK_DGRAM)
        fds = [stream[0].fileno(), dgram[0].fileno()]
        self.serve("--fd", str(fds[0]), "--fd", str(fds[1]), pass_fds=fds)
        self.assert_joined(self.stream_client(stream[1]), self.dgram_client(dgram[1]))

    def test_listening_and_bound_sockets_keep_their_files(self):
        made = [self.bound(socket.SOCK_STREAM, self.stream), self.bound(socket.SOCK_DGRAM, self.dgram)]
        fds = [s.fileno() for s in made]
        server = self.serve("--stream", f"fd={fds[0]}", "--dgram", f"fd={fds[1]},name=d", pass_fds=fds)
        self.assert_joined(self.stream_client(), self.dgram_client())
        server.stop()
        self.assertTrue(os.path.exists(self.stream) and os.path.exists(self.dgram))

    def test_what_is_no_such_socket_is_refused(self):
        stream, dgram = self.pair(socket.SOCK_STREAM)[0].fileno(), self.pair(socket.SOCK_DGRAM)[0].fileno()
        with open(os.devnull, "rb") as null:
            for arguments, sentence in (
                    (["--stream", "fd=999"], "not open"),
                    (["--fd", "999"], "not open"),
                    (["--dgram", f"fd={null.fileno()}"], "not a socket"),
                    (["--fd", str(null.fileno())], "not a socket"),
                    (["--stream", f"fd={dgram}"], "give it to --dgram"),
                    (["--nic", f"fd={dgram}"], "give it to --dgram"),
                    (["--dgram", f"fd={stream}"], "give it to --stream or --nic")):
                with self.subTest(arguments):
                    self.assertIn(sentence, self.refused(*arguments, pass_fds=[stream, dgram, null.fileno()]))


class Activated(PortsTestCase):
    def setUp(self):
        super().setUp()
        self.sockets = [self.bound(socket.SOCK_STREAM, self.stream), self.bound(socket.SOCK_DGRAM, self.dgram)]

    def test_paths_are_the_passed_sockets_and_stay_at_the_end(self):
        server = self.activate(self.sockets, "a:b", "--stream", self.stream, "--dgram", self.dgram)
        self.assert_joined(self.stream_client(), self.dgram_client())
        server.stop()
        self.assertTrue(os.path.exists(self.stream) and os.path.exists(self.dgram))
        # And the next one takes them up again: they were the service manager's all the time.
        self.activate(self.sockets, "a:b", "--stream", self.stream, "--dgram", self.dgram)
        self.assert_joined(self.stream_client(), self.dgram_client(name="other"))

    def test_names_are_the_passed_sockets(self):
        self.activate(self.sockets, "guests:other", "--fd", "guests", "--dgram", "fd=other,name=d")
        self.assert_joined(self.stream_client(), self.dgram_client())

    def test_names_that_were_not_passed_are_refused(self):
        text = self.refused("--stream", "fd=guests")
        self.assertIn("fd=guests: neither the number", text)
        self.assertIn("LISTEN_FDNAMES", text)

    def test_socket_of_another_kind_is_refused(self):
        process = Process(["-c", ACTIVATE, str(self.sockets[1].fileno()), "d", executable(), "net", "host", "--stream",
                           self.dgram], program=sys.executable, pass_fds=[self.sockets[1].fileno()])
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(), 1)
        self.assertIn("a socket of another kind", process.stderr())


if __name__ == "__main__":
    unittest.main()
