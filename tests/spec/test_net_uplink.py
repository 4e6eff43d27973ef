# SPDX-License-Identifier: BSD-3-Clause
"""The way out of a user network: many guests at once, and a host whose resolver changes."""
import concurrent.futures
import os
import socket
import struct
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import SUBNET, Directory, Server, sanitizer_report
from net_guest import Guest

GATEWAY = "192.168.77.1"
PREFIX, GATEWAY6 = "fd12:3456:789a:1::", "fd12:3456:789a:1::2"
TIMEOUT = 20
SANDBOX = os.environ.get("OUTRIGGER_SANDBOX", "no: run it by tests/vm/sandbox.py")


@unittest.skipIf(SANDBOX != "yes", SANDBOX)
class UplinkTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)

    def serve(self, n_guests, *arguments):
        path = self.directory.join("port")
        server = Server([path], ["net", "shared", "--stream", path, "--nat66-prefix", PREFIX, *SUBNET, *arguments])
        self.addCleanup(server.kill)
        self.addCleanup(lambda: self.assertIsNone(sanitizer_report(server.stderr())))
        guests = []
        for number in range(10, 10 + n_guests):
            guest = Guest(path, number, f"192.168.77.{number}", GATEWAY, f"{PREFIX}{number:x}", GATEWAY6)
            self.addCleanup(guest.close)
            guests.append(guest)
        return guests


class ManyGuests(UplinkTestCase):
    """libslirp keeps the Ethernet addresses of 16."""

    N = 64

    def echo_server(self, family, address):
        server = socket.create_server((address, 0), family=family, backlog=256)
        self.addCleanup(server.close)

        def serve(client):
            with client:
                while data := client.recv(1000):
                    client.sendall(data)

        def accept():
            try:
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        self.addCleanup(server.shutdown, socket.SHUT_RDWR)
        return server.getsockname()[1]

    def all_at_once(self, guests, job):
        with concurrent.futures.ThreadPoolExecutor(len(guests)) as pool:
            return list(pool.map(job, guests))

    def check(self, guests, gateway, port):
        connections = self.all_at_once(guests, lambda guest: guest.connect(gateway, port))
        self.assertNotIn(None, connections)
        for turn in range(3):
            sent = b"turn %d" % turn
            for connection in connections:
                with connection.guest.changed:
                    connection.send(0x18, sent)
            for connection in connections:
                self.assertTrue(connection.guest.until(lambda: connection.data.endswith(sent)), connection.key)

    def test_all_of_64_guests_speak_with_the_host_at_once(self):
        guests = self.serve(self.N)
        self.check(guests, GATEWAY, self.echo_server(socket.AF_INET, "0.0.0.0"))

    def test_all_of_64_guests_speak_with_the_host_at_once_by_ipv6(self):
        guests = self.serve(self.N)
        self.check(guests, GATEWAY6, self.echo_server(socket.AF_INET6, "::"))

    def test_forwards_to_64_guests(self):
        forwards = [word for number in range(10, 10 + self.N)
                    for word in ("--forward", f"tcp:127.0.0.1:{8000 + number}-192.168.77.{number}:80")]
        for guest in self.serve(self.N, *forwards):
            guest.ports.add(80)
        for turn in range(2):
            clients = [socket.create_connection(("127.0.0.1", 8000 + number), TIMEOUT)
                       for number in range(10, 10 + self.N)]
            for client in clients:
                client.sendall(b"turn %d" % turn)
            for client in clients:
                self.assertEqual(client.recv(100), b"turn %d" % turn)
                client.close()


class Resolver(UplinkTestCase):
    RESOLV_CONF = "/etc/resolv.conf"    # of the sandbox

    def resolver(self, address, answer):
        """A name server that knows one answer."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, 53))

        def serve():
            while True:
                query, client = server.recvfrom(512)
                if not client:
                    return
                end = 12
                while query[end]:
                    end += 1 + query[end]
                record = struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(answer)
                server.sendto(query[:2] + struct.pack(">5H", 0x8580, 1, 1, 0, 0) + query[12:end + 5] + record, client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        def close():
            try:
                server.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass    # it ends what waits on it nevertheless
            thread.join(TIMEOUT)
            server.close()

        self.addCleanup(close)

    def use(self, address):
        with open(self.RESOLV_CONF, "w", encoding="ascii") as file:
            file.write(f"nameserver {address}\n")

    def ask(self, guest, number):
        """The address of a name that was not asked for before."""
        query = struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + b"\x04n%03d\x04test\0" % number + struct.pack(">HH", 1, 1)
        answer = guest.ask_udp(GATEWAY, 53, query, 3000 + number, 2)
        return socket.inet_ntoa(answer[2][-4:]) if answer else None

    def test_another_resolver_of_the_host_is_asked_from_then_on(self):
        with open(self.RESOLV_CONF, encoding="ascii") as file:
            before = file.read()

        def restore():
            with open(self.RESOLV_CONF, "w", encoding="ascii") as file:
                file.write(before)

        self.addCleanup(restore)
        self.resolver("127.0.0.53", "192.0.2.53")   # where systemd-resolved is
        self.resolver("127.0.0.111", "192.0.2.111")
        self.use("127.0.0.53")
        guest = self.serve(1)[0]
        self.assertEqual(self.ask(guest, 1), "192.0.2.53")
        self.use("127.0.0.111")
        for number in range(2, 2 + TIMEOUT):
            answer = self.ask(guest, number)
            if answer == "192.0.2.111":
                break
            guest.until(lambda: False, 0.5)     # libslirp looks once a second
        self.assertEqual(answer, "192.0.2.111")
