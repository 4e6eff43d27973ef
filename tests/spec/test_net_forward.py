# SPDX-License-Identifier: BSD-3-Clause
"""--forward on user networks: TCP, UDP, IPv4, IPv6, who the guest sees as its peer, and what cannot be."""
import ctypes
import os
import select
import socket
import stat
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import SUBNET, Directory, Process, Server, sanitizer_report
from net_guest import Guest

GATEWAY, GUEST = "192.168.77.1", "192.168.77.5"
PREFIX, GATEWAY6, GUEST6 = "fd12:3456:789a:1::", "fd12:3456:789a:1::2", "fd12:3456:789a:1::99"
OUTSIDE4, OUTSIDE6 = "203.0.113.1", "2001:db8::1"   # of the sandbox's host, and no loopback address
TIMEOUT = 20
CLOSED = 1      # seconds, after which what has not come will not
CAP_NET_BIND_SERVICE = 10
PR_CAPBSET_DROP = 24
SANDBOX = os.environ.get("OUTRIGGER_SANDBOX", "no: run it by tests/vm/sandbox.py")


def without_low_ports():
    """In the child: ports below 1024 are not for root, either."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE, 0, 0, 0)


@unittest.skipIf(SANDBOX != "yes", SANDBOX)
class ForwardTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)

    def serve(self, *forwards, mode="shared", arguments=()):
        path = self.directory.join("port")
        options = [word for forward in forwards for word in ("--forward", forward)]
        server = Server([path], ["net", mode, "--stream", path, "--nat66-prefix", PREFIX, *SUBNET, *options, *arguments]
                        if mode == "shared" else ["net", mode, "--stream", path, *SUBNET, *options, *arguments])
        self.addCleanup(server.kill)
        guest = Guest(path, 5, GUEST, GATEWAY, GUEST6, GATEWAY6)
        self.addCleanup(guest.close)
        guest.ports.add(80)
        self.addCleanup(lambda: self.assertIsNone(sanitizer_report(server.stderr())))
        return server, guest

    def refused(self, *forwards, **popen):
        options = [word for forward in forwards for word in ("--forward", forward)]
        process = Process(["net", "shared", "--stream", self.directory.join("port"), *SUBNET, *options],
                          **popen)
        try:
            self.assertGreater(process.wait(), 0, process)
            return process.stderr()
        finally:
            process.kill()

    def echo(self, client, data=b"hello"):
        client.settimeout(TIMEOUT)
        client.sendall(data)
        got = b""
        while len(got) < len(data):
            part = client.recv(len(data) - len(got))
            self.assertTrue(part, f"ended after {len(got)} bytes")
            got += part
        self.assertEqual(got, data)

    def ask(self, family, to, source=None):
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(TIMEOUT)
            if source:
                client.bind((source, 0))
            client.sendto(b"hello", to)
            self.assertEqual(client.recvfrom(100)[0], b"hello")


class Tcp(ForwardTestCase):
    def test_a_connection_reaches_the_guest_and_its_bytes_come_back(self):
        _, guest = self.serve(f"tcp:127.0.0.1:8080-{GUEST}:80")
        with socket.create_connection(("127.0.0.1", 8080), TIMEOUT) as client:
            self.echo(client, bytes(range(256)) * 4000)
            port = client.getsockname()[1]
        self.assertEqual(guest.peers, [(GATEWAY, port)])

    def test_the_end_of_one_direction_leaves_the_other(self):
        self.serve(f"tcp:127.0.0.1:8080-{GUEST}:80")
        with socket.create_connection(("127.0.0.1", 8080), TIMEOUT) as client:
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
            client.settimeout(TIMEOUT)
            got = b""
            while part := client.recv(100):
                got += part
            self.assertEqual(got, b"last words")

    def test_a_client_that_is_no_loopback_address_is_seen_as_it_is(self):
        _, guest = self.serve(f"tcp:8080-{GUEST}:80")
        with socket.create_connection((OUTSIDE4, 8080), TIMEOUT, (OUTSIDE4, 0)) as client:
            self.echo(client)
        self.assertEqual(guest.peers[0][0], OUTSIDE4)

    def test_any_loopback_address_is_seen_as_the_gateway(self):
        _, guest = self.serve(f"tcp:8080-{GUEST}:80")
        with socket.create_connection(("127.0.0.1", 8080), TIMEOUT, ("127.0.0.7", 0)) as client:
            self.echo(client)
        self.assertEqual(guest.peers[0][0], GATEWAY)

    def test_ipv6(self):
        _, guest = self.serve(f"tcp:8080-[{GUEST6}]:80")
        for source, seen in ("::1", GATEWAY6), (OUTSIDE6, OUTSIDE6):
            with socket.create_connection((source, 8080), TIMEOUT, (source, 0)) as client:
                self.echo(client)
            self.assertEqual(guest.peers[-1][0], seen)

    def test_both_families_may_have_the_same_port(self):
        self.serve(f"tcp:8080-{GUEST}:80", f"tcp:8080-[{GUEST6}]:80")
        for host in "127.0.0.1", "::1":
            with socket.create_connection((host, 8080), TIMEOUT) as client:
                self.echo(client)

    def test_a_guest_that_refuses_ends_the_connection(self):
        self.serve(f"tcp:127.0.0.1:8080-{GUEST}:81")
        with socket.create_connection(("127.0.0.1", 8080), TIMEOUT) as client:
            client.settimeout(TIMEOUT)
            try:
                self.assertEqual(client.recv(1), b"")
            except ConnectionResetError:
                pass

    def test_many_clients_at_once_are_all_served(self):
        self.serve(f"tcp:127.0.0.1:8080-{GUEST}:80")
        clients = [socket.create_connection(("127.0.0.1", 8080), TIMEOUT) for _ in range(100)]
        for number, client in enumerate(clients):
            self.echo(client, b"%d" % number)
        for client in clients:
            client.close()

    def test_reachable_only_at_the_given_address(self):
        self.serve(f"tcp:127.0.0.1:8080-{GUEST}:80")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((OUTSIDE4, 8080), TIMEOUT)

    def test_guests_of_isolated_and_host_networks(self):
        for mode, arguments in ("shared", ("--isolated",)), ("host", ()):
            with self.subTest(mode):
                server, guest = self.serve(f"tcp:127.0.0.1:8080-{GUEST}:80", mode=mode, arguments=arguments)
                with socket.create_connection(("127.0.0.1", 8080), TIMEOUT) as client:
                    self.echo(client)
                server.stop()


class Udp(ForwardTestCase):
    def test_a_datagram_reaches_the_guest_and_its_answer_comes_back(self):
        _, guest = self.serve(f"udp:127.0.0.1:5353-{GUEST}:80")
        self.ask(socket.AF_INET, ("127.0.0.1", 5353))
        self.assertEqual(guest.peers[0][0], GATEWAY)

    def test_a_client_that_is_no_loopback_address_is_seen_as_it_is(self):
        _, guest = self.serve(f"udp:5353-{GUEST}:80")
        self.ask(socket.AF_INET, (OUTSIDE4, 5353), OUTSIDE4)
        self.assertEqual(guest.peers[0][0], OUTSIDE4)

    def test_ipv6(self):
        _, guest = self.serve(f"udp:5353-[{GUEST6}]:80")
        self.ask(socket.AF_INET6, ("::1", 5353))
        self.ask(socket.AF_INET6, (OUTSIDE6, 5353), OUTSIDE6)
        self.assertEqual([peer[0] for peer in guest.peers], [GATEWAY6, OUTSIDE6])

    def test_loopback_clients_are_seen_as_the_gateway_whoever_asked_before(self):
        _, guest = self.serve(f"udp:5353-{GUEST}:80")
        for client in OUTSIDE4, "127.0.0.1", "127.0.0.7", OUTSIDE4, "127.0.0.1":
            self.ask(socket.AF_INET, (client if client == OUTSIDE4 else "127.0.0.1", 5353), client)
        seen = [peer[0] for peer in guest.peers]
        self.assertEqual(seen, [OUTSIDE4, GATEWAY, GATEWAY, OUTSIDE4, GATEWAY])

    def test_the_same_port_for_tcp(self):
        self.serve(f"udp:127.0.0.1:5353-{GUEST}:80", f"tcp:127.0.0.1:5353-{GUEST}:80")
        self.ask(socket.AF_INET, ("127.0.0.1", 5353))
        with socket.create_connection(("127.0.0.1", 5353), TIMEOUT) as client:
            self.echo(client)


class Unix(ForwardTestCase):
    def setUp(self):
        super().setUp()
        self.path = self.directory.join("forward")

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(client.close)
        client.settimeout(TIMEOUT)
        client.connect(self.path)
        return client

    def test_a_client_of_the_socket_reaches_the_guest(self):
        for guest_address, seen in (GUEST, GATEWAY), (f"[{GUEST6}]", GATEWAY6):
            with self.subTest(guest_address):
                server, guest = self.serve(f"tcp:[{self.path}]-{guest_address}:80")
                self.echo(self.connect(), bytes(range(256)) * 4000)
                self.assertEqual(guest.peers[0][0], seen)
                server.stop()
                self.assertFalse(os.path.exists(self.path))

    def test_the_end_of_one_direction_leaves_the_other(self):
        self.serve(f"tcp:[{self.path}]-{GUEST}:80")
        client = self.connect()
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        got = b""
        while part := client.recv(100):
            got += part
        self.assertEqual(got, b"last words")

    def test_a_guest_that_refuses_ends_the_connection(self):
        self.serve(f"tcp:[{self.path}]-{GUEST}:81")
        client = self.connect()
        try:
            self.assertEqual(client.recv(1), b"")
        except ConnectionResetError:
            pass

    def test_the_socket_is_for_its_owner_only(self):
        self.serve(f"tcp:[{self.path}]-{GUEST}:80")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_nobody_else_gets_in_by_loopback(self):
        server, guest = self.serve(f"tcp:[{self.path}]-{GUEST}:80")
        self.echo(self.connect())
        with open(f"/proc/{server.pid}/net/tcp", encoding="ascii") as table:
            lines = [line.split() for line in table.readlines()[1:]]
        ports = [int(line[1].split(":")[1], 16) for line in lines if line[3] == "0A"]
        ports.remove(53)        # the sandbox's resolver
        self.assertEqual(len(ports), 1, lines)
        with self.assertRaises(TimeoutError):
            socket.create_connection(("127.0.0.1", ports[0]), CLOSED)
        self.assertEqual(len(guest.peers), 1)
        self.echo(self.connect())

    @staticmethod
    def connections(server):
        """UNIX sockets of the process. (libslirp keeps those of TCP for some seconds after their end.)"""
        with open(f"/proc/{server.pid}/net/unix", encoding="ascii") as table:
            inodes = {line.split()[6] for line in table.readlines()[1:]}
        return sum(link[len("socket:["):-1] in inodes for link in server.fds().values())

    def test_many_clients_at_once_are_all_served_and_leave_nothing_behind(self):
        server, _ = self.serve(f"tcp:[{self.path}]-{GUEST}:80")
        before = self.connections(server)
        for number, client in enumerate([self.connect() for _ in range(100)]):
            self.echo(client, b"%d" % number)
            client.close()
        deadline = time.monotonic() + TIMEOUT
        while (after := self.connections(server)) > before + 1 and time.monotonic() < deadline:
            with self.connect() as client:      # a round through the process
                self.echo(client)
        self.assertLessEqual(after, before + 1)

    def test_a_client_that_does_not_read_is_not_read_from(self):
        self.serve(f"tcp:[{self.path}]-{GUEST}:80")
        client, sent = self.connect(), 0
        client.setblocking(False)
        poll = select.poll()
        poll.register(client, select.POLLOUT)
        while poll.poll(1000 * CLOSED) and sent < 256 << 20:
            sent += client.send(b"x" * 65536)
        self.assertLess(sent, 256 << 20, "no end to what is taken in")

    def test_a_live_socket_is_refused_and_a_stale_one_taken_over(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
            taken.bind(self.path)
            taken.listen()
            self.assertIn("another process serves it", self.refused(f"tcp:[{self.path}]-{GUEST}:80"))
        self.serve(f"tcp:[{self.path}]-{GUEST}:80")
        self.echo(self.connect())


class Refused(ForwardTestCase):
    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 8080)):
            self.assertIn("TCP port 8080 of the host is in use", self.refused(f"tcp:127.0.0.1:8080-{GUEST}:80"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 5353))
            self.assertIn("UDP port 5353 of the host is in use", self.refused(f"udp:127.0.0.1:5353-{GUEST}:80"))

    def test_a_port_that_needs_privileges(self):
        text = self.refused(f"tcp:80-{GUEST}:80", preexec_fn=without_low_ports)
        self.assertIn("ports below 1024 need privileges", text)
        self.assertIn("net.ipv4.ip_unprivileged_port_start", text)

    def test_an_address_that_the_host_does_not_have(self):
        text = self.refused(f"tcp:198.51.100.7:8080-{GUEST}:80")
        self.assertIn("198.51.100.7 is no address of this host", text)

    def test_guests_outside_of_the_network(self):
        for guest in "192.168.78.5", GATEWAY, "192.168.77.0", "192.168.77.255":
            self.assertIn(f"{guest} is no guest's address in this network", self.refused(f"tcp:8080-{guest}:80"))
        self.assertIn("fd99::5 is no guest's address in this network", self.refused("tcp:8080-[fd99::5]:80"))
