# SPDX-License-Identifier: BSD-3-Clause
"""DHCP of the running program, asked through --stream ports: addresses, a restart, PXE, the end of the range.

Every message and what it may hold: tests/unit/test_dhcp.c.
"""
import os
import signal
import socket
import unittest

import virtio_guest as vg
from fixture import Directory, Process, Server
from stream_client import StreamClient

GATEWAY = socket.inet_aton("10.9.0.1")
NETWORK = ("--start-address", "10.9.0.1", "--end-address", "10.9.1.200", "--subnet-mask", "255.255.0.0")


class Client(StreamClient):
    """A guest, or several behind one port."""

    def ask(self, mac, kind, transaction, options=b""):
        """Type, address and options of the answer."""
        self.send(vg.dhcp_frame(mac, kind, transaction, options))
        while True:
            reply = vg.parse_dhcp_reply(self.receive())
            if reply and reply[0] == transaction:
                return reply[2][53][0], socket.inet_ntoa(reply[1]), reply[2]

    def lease(self, mac):
        transaction = int.from_bytes(mac[-2:], "big") << 8  # others' answers are broadcast, too
        kind, address, _ = self.ask(mac, 1, transaction + 1)
        assert kind == 2, kind
        wanted = b"\x36\x04" + GATEWAY + b"\x32\x04" + socket.inet_aton(address)
        kind, leased, options = self.ask(mac, 3, transaction + 2, wanted)
        assert (kind, leased) == (5, address), (kind, leased)
        return leased, options


def mac_of(number):
    return b"\x02\0\0\0" + number.to_bytes(2, "big")


class Dhcp(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)
        self.path = self.directory.join("stream")

    def serve(self, *options, network=NETWORK):
        server = Server([self.path], ["net", "shared", "--stream", self.path, *network, *options])
        self.addCleanup(server.kill)
        return server

    def client(self):
        client = Client(self.path)
        self.addCleanup(client.close)
        return client

    def end(self, server):
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)

    def test_three_hundred_guests_get_three_hundred_addresses(self):
        self.serve()
        clients = [self.client() for _ in range(6)]
        leased = {clients[i % 6].lease(mac_of(i))[0] for i in range(300)}
        self.assertEqual(len(leased), 300)
        self.assertIn("10.9.0.2", leased)
        self.assertIn("10.9.1.45", leased)

    def test_a_restart_keeps_addresses(self):
        state = ("--state-dir", self.directory.join("state"))
        server = self.serve(*state)
        client = self.client()
        before = [client.lease(mac_of(i))[0] for i in range(5)]
        self.end(server)
        self.serve(*state)
        client = self.client()
        after = [client.lease(mac_of(i))[0] for i in reversed(range(5))]
        self.assertEqual(after[::-1], before)

    def test_two_networks_do_not_share_a_state(self):
        state = ("--state-dir", self.directory.join("state"))
        self.serve(*state)
        second = Process(["net", "shared", "--stream", self.directory.join("other"), *state])
        self.addCleanup(second.kill)
        self.assertEqual(second.wait(), 1)
        self.assertIn("another network uses it", second.stderr())

    def test_a_broken_state_is_reported_with_its_line_and_does_not_stop_the_start(self):
        folder = self.directory.join("state")
        os.mkdir(folder)
        with open(os.path.join(folder, "leases"), "w", encoding="ascii") as file:
            file.write("outrigger-leases 1\nlease nonsense\n")
        server = self.serve("--state-dir", folder)
        self.assertIn("leases, line 2: ", server.stderr())
        self.assertTrue(os.path.exists(os.path.join(folder, "leases.bad")))
        self.assertEqual(self.client().lease(mac_of(1))[0], "10.9.0.2")

    def test_a_reservation_and_what_guests_are_told(self):
        self.serve("--reserve", "02:00:00:00:00:07=10.9.0.77,name=web", "--domain", "lan", "--lease-time", "120",
                   "--dns", "192.0.2.53", "--boot-file", "pxe.0", "--mtu", "1400")
        address, options = self.client().lease(mac_of(7))
        self.assertEqual(address, "10.9.0.77")
        self.assertEqual({number: options.get(number) for number in (3, 6, 12, 15, 26, 51, 54, 67)},
                         {3: GATEWAY, 6: socket.inet_aton("192.0.2.53"), 12: b"web", 15: b"lan",
                          26: (1400).to_bytes(2, "big"), 51: (120).to_bytes(4, "big"), 54: GATEWAY, 67: b"pxe.0"})

    def test_a_full_range_is_said_in_the_log(self):
        server = self.serve(network=("--start-address", "10.9.0.1", "--end-address", "10.9.0.3",
                                     "--subnet-mask", "255.255.0.0"))
        client = self.client()
        client.lease(mac_of(1))
        client.lease(mac_of(2))
        client.send(vg.dhcp_frame(mac_of(3), 1, 1))
        self.assertEqual(client.lease(mac_of(1))[0], "10.9.0.2")  # answered after the other was not
        self.assertIn("02:00:00:00:00:03 gets none", server.stderr())


if __name__ == "__main__":
    unittest.main()
