# SPDX-License-Identifier: BSD-3-Clause
"""What guests of user networks reach of the host: what it offers to others, at the gateway; not its loopback, and no
cloud's metadata, unless --host-loopback or --allow says so."""
import contextlib
import os
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import SUBNET, Directory, Server, sanitizer_report
from net_guest import Guest

GATEWAY, GUEST = "192.168.77.1", "192.168.77.5"
PREFIX, GATEWAY6, GUEST6 = "fd12:3456:789a:1::", "fd12:3456:789a:1::2", "fd12:3456:789a:1::99"
OUTSIDE4, OUTSIDE6 = "203.0.113.1", "2001:db8::1"   # of the sandbox's host, and no loopback address
METADATA4, METADATA6 = "169.254.169.254", "fd00:ec2::254"
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ALL = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
TIMEOUT = 20
CLOSED = 1      # seconds, after which what has not come will not
SANDBOX = os.environ.get("OUTRIGGER_SANDBOX", "no: run it by tests/vm/sandbox.py")


class Service:
    """Answers who asked, by TCP and UDP."""

    def __init__(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.stream = socket.socket(family, socket.SOCK_STREAM)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.dgram = socket.socket(family, socket.SOCK_DGRAM)
        for each in self.stream, self.dgram:
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            each.bind((address, port))
        self.stream.listen()
        self.threads = [threading.Thread(target=serve, daemon=True) for serve in (self.serve_stream, self.serve_dgram)]
        for each in self.threads:
            each.start()

    def serve_stream(self):
        with contextlib.suppress(OSError):
            while True:
                client, address = self.stream.accept()
                with client:
                    client.sendall(address[0].encode())

    def serve_dgram(self):
        with contextlib.suppress(OSError):
            while True:
                _, address = self.dgram.recvfrom(2000)
                if not address:
                    return      # close()
                self.dgram.sendto(address[0].encode(), address)

    def close(self):
        for each in self.stream, self.dgram:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)     # ends what waits on it, although it says ENOTCONN
        for each in self.threads:
            each.join(TIMEOUT)
        self.stream.close()
        self.dgram.close()


@unittest.skipIf(SANDBOX != "yes", SANDBOX)
class HostTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)

    def serve(self, *arguments, mode="shared"):
        path = self.directory.join("port")
        self.server = Server([path], ["net", mode, "--stream", path, *SUBNET, *arguments]
                             + (["--nat66-prefix", PREFIX] if mode == "shared" else []))
        self.addCleanup(self.server.kill)
        guest = Guest(path, 5, GUEST, GATEWAY, GUEST6, GATEWAY6)
        self.addCleanup(guest.close)
        self.addCleanup(lambda: self.assertIsNone(sanitizer_report(self.server.stderr())))
        return guest

    def service(self, address, port):
        service = Service(address, port)
        self.addCleanup(service.close)

    def address(self, *addresses):
        """Of the sandbox's host, until the test ends."""
        for each in addresses:
            command = ["ip", "addr", "add", each, "dev", "lo"] + (["nodad"] if ":" in each else [])
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                self.skipTest(f"ip addr: {error}")
            self.addCleanup(subprocess.run, ["ip", "addr", "del", each, "dev", "lo"], check=True)

    def tcp(self, guest, to, port):
        """What the service says of who asks, or None: refused, or nobody there."""
        connection = guest.connect(to, port, CLOSED if self.expect_closed else TIMEOUT)
        if not connection:
            return None
        self.assertTrue(guest.until(lambda: connection.ended))
        return connection.data.decode()

    def udp(self, guest, to, port):
        answer = guest.ask_udp(to, port, timeout=CLOSED if self.expect_closed else TIMEOUT)
        if not answer:
            return None
        self.assertEqual(answer[:2], (to, port))
        return answer[2].decode()

    def assert_open(self, guest, to, port, seen):
        self.expect_closed = False
        self.assertEqual(self.tcp(guest, to, port), seen, "TCP")
        self.assertEqual(self.udp(guest, to, port), seen, "UDP")

    def assert_closed(self, guest, to, port):
        self.expect_closed = True
        self.assertIsNone(self.tcp(guest, to, port), "TCP")
        self.assertIsNone(self.udp(guest, to, port), "UDP")


class Gateway(HostTestCase):
    def test_what_the_host_offers_at_all_addresses_is_open(self):
        for address in "0.0.0.0", "::":
            self.service(address, 7000)
        guest = self.serve()
        self.assert_open(guest, GATEWAY, 7000, OUTSIDE4)
        self.assert_open(guest, GATEWAY6, 7000, OUTSIDE6)

    def test_what_is_on_loopback_only_is_closed(self):
        for address in "127.0.0.1", "::1":
            self.service(address, 7000)
        guest = self.serve()
        self.assert_closed(guest, GATEWAY, 7000)
        self.assert_closed(guest, GATEWAY6, 7000)

    def test_loopback_is_closed_by_its_own_addresses_too(self):
        for address in "127.0.0.1", "::1":
            self.service(address, 7000)
        guest = self.serve()
        for to in "127.0.0.1", "127.0.0.2", "0.0.0.0", "255.255.255.255", "::1", "::ffff:127.0.0.1", "fe80::2", \
                PREFIX + "3", PREFIX + "77":
            with self.subTest(to):
                self.assert_closed(guest, to, 7000)

    def test_the_hosts_own_address_is_open_and_answers_for_itself(self):
        self.service("0.0.0.0", 7000)
        guest = self.serve()
        self.assert_open(guest, OUTSIDE4, 7000, OUTSIDE4)
        for to in GATEWAY, OUTSIDE4, GATEWAY, OUTSIDE4:
            self.expect_closed = False
            self.assertEqual(self.udp(guest, to, 7000), OUTSIDE4)   # udp() insists on who answers

    def test_a_closed_port_is_said_to_be_closed(self):
        guest = self.serve()
        connection = guest.connect(GATEWAY, 7000)
        self.assertIsNone(connection)
        self.assertIn("rst", [each.ended for each in guest.connections.values()])
        guest.ask_udp(GATEWAY, 7000, timeout=0)
        self.assertTrue(guest.until(lambda: guest.errors))
        self.assertEqual(str(guest.errors[0]), GATEWAY)

    def test_the_gateway_answers_ping(self):
        guest = self.serve()
        self.assertTrue(guest.ping(GATEWAY))
        self.assertTrue(guest.ping(GATEWAY6))

    def test_host_mode_has_the_same(self):
        self.service("0.0.0.0", 7000)
        self.service("127.0.0.1", 7001)
        guest = self.serve(mode="host")
        self.assert_open(guest, GATEWAY, 7000, OUTSIDE4)
        self.assert_closed(guest, GATEWAY, 7001)
        self.assert_closed(guest, OUTSIDE4, 7000)

    def test_another_address_of_the_host_is_found(self):
        self.service("0.0.0.0", 7000)
        guest = self.serve()
        self.assert_open(guest, GATEWAY, 7000, OUTSIDE4)
        subprocess.run(["ip", "addr", "del", OUTSIDE4 + "/24", "dev", "lo"], check=False, capture_output=True)
        self.addCleanup(subprocess.run, ["ip", "addr", "add", OUTSIDE4 + "/24", "dev", "lo"], capture_output=True)
        self.address("203.0.113.77/32")
        seen = lambda: guest.ask_udp(GATEWAY, 7000, timeout=CLOSED)
        for _ in range(TIMEOUT):
            answer = seen()
            if answer and answer[2] == b"203.0.113.77":
                break
        self.assertEqual(answer, (GATEWAY, 7000, b"203.0.113.77"))

    def test_a_host_with_loopback_only_says_so(self):
        self.service("0.0.0.0", 7000)
        subprocess.run(["ip", "addr", "del", OUTSIDE4 + "/24", "dev", "lo"], check=False, capture_output=True)
        self.addCleanup(subprocess.run, ["ip", "addr", "add", OUTSIDE4 + "/24", "dev", "lo"], capture_output=True)
        guest = self.serve()
        self.assert_closed(guest, GATEWAY, 7000)
        self.assertIn("--host-loopback", self.server.stderr())
        self.assertIn("rst", [connection.ended for connection in guest.connections.values()])


class Opened(HostTestCase):
    def test_host_loopback_opens_loopback(self):
        for address in "127.0.0.1", "::1":
            self.service(address, 7000)
        guest = self.serve("--host-loopback")
        self.assert_open(guest, GATEWAY, 7000, "127.0.0.1")
        self.assert_open(guest, GATEWAY6, 7000, "::1")

    def test_allow_opens_one_port_of_loopback(self):
        for address in "127.0.0.1", "::1":
            self.service(address, 7000)
            self.service(address, 7001)
        guest = self.serve("--allow", "127.0.0.1:7000", "--allow", "[::1]:7000")
        self.assert_open(guest, GATEWAY, 7000, "127.0.0.1")
        self.assert_open(guest, GATEWAY6, 7000, "::1")
        self.assert_closed(guest, GATEWAY, 7001)
        self.assert_closed(guest, GATEWAY6, 7001)
        self.assert_closed(guest, "127.0.0.1", 7000)

    def test_allow_opens_another_address_of_loopback(self):
        self.service("127.0.0.53", 7000)
        guest = self.serve("--allow", "127.0.0.53:7000")
        self.assert_open(guest, GATEWAY, 7000, "127.0.0.1")

    def test_allow_opens_one_destination_in_host_mode(self):
        self.service("0.0.0.0", 7000)
        self.service("0.0.0.0", 7001)
        guest = self.serve("--allow", OUTSIDE4 + ":7000", mode="host")
        self.assert_open(guest, OUTSIDE4, 7000, OUTSIDE4)
        self.assert_closed(guest, OUTSIDE4, 7001)


class Metadata(HostTestCase):
    def setUp(self):
        super().setUp()
        self.address(METADATA4 + "/32", METADATA6 + "/128")
        for address in "0.0.0.0", "::":
            self.service(address, 80)

    def test_is_closed(self):
        guest = self.serve()
        self.assert_closed(guest, METADATA4, 80)
        self.assert_closed(guest, METADATA6, 80)

    def test_is_open_when_allowed(self):
        guest = self.serve("--allow", METADATA4 + ":80", "--allow", METADATA6)
        self.assert_open(guest, METADATA4, 80, METADATA4)
        self.assert_open(guest, METADATA6, 80, METADATA6)
        self.assert_closed(guest, METADATA4, 81)
