# SPDX-License-Identifier: BSD-3-Clause
"""--source-guard of the running program: two guests, of which one lies.

Every rule: tests/unit/test_source_guard.c.
"""
import socket
import struct
import unittest

import virtio_guest as vg
from control_client import Control
from fixture import Directory, Server
from test_dhcp_server import GATEWAY, NETWORK, Client

GOOD, EVIL = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
ALL = b"\xff" * 6
MARK = 0x88b5    # an EtherType for experiments


def mark(mac):
    return vg.ethernet(ALL, mac, bytes(46), MARK)


def arp(mac, address, said_mac=None):
    return vg.ethernet(ALL, mac, struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, said_mac or mac, address, bytes(6),
                                             GATEWAY) + bytes(18), 0x0806)


def router_advertisement(mac, extension=b""):
    message = bytes([134, 0]) + bytes(14)
    link_local = b"\xfe\x80" + bytes(13) + b"\x77"
    header = struct.pack("!IHBB16s16s", 6 << 28, len(extension) + len(message), 0 if extension else 58, 255, link_local,
                         b"\xff\x02" + bytes(13) + b"\x01")
    return vg.ethernet(ALL, mac, header + extension + message, 0x86dd)


def dhcp_offer(mac):
    return vg.ethernet(ALL, mac, vg.ipv4_udp(socket.inet_aton("10.9.0.99"), b"\xff" * 4, 67, 68, bytes(300)), 0x0800)


class Guest(Client):
    def until_mark(self, mac):
        """What comes before the mark from there."""
        frames = []
        while True:
            frame = self.receive()
            if frame[6:12] == mac and frame[12:14] == MARK.to_bytes(2, "big"):
                return frames
            frames.append(frame)


class SourceGuard(unittest.TestCase):
    def setUp(self):
        self.directory = Directory()
        self.addCleanup(self.directory.remove)

    def serve(self, *options):
        path, control = self.directory.join("stream"), self.directory.join("control")
        server = Server([path], ["net", "shared", "--stream", path, "--control", control, *NETWORK, *options])
        self.addCleanup(server.kill)
        self.control = Control(control)
        self.addCleanup(self.control.close)
        guests = []
        for mac in (GOOD, EVIL):
            guests.append(Guest(path))
            self.addCleanup(guests[-1].close)
            guests[-1].lease(mac)    # so it is plugged in, and known by its MAC
        return guests

    def dropped(self):
        """Of the good one's port, and the evil one's."""
        ports = {port["mac"]: port["counters"]["guard_dropped"] for port in self.control.call("ports")["ports"]}
        return ports["02:00:00:00:00:01"], ports["02:00:00:00:00:02"]

    def arrives(self, frame):
        self.evil.send(frame)
        self.evil.send(mark(EVIL))
        return frame in self.good.until_mark(EVIL)

    def test_what_another_s_name_is_on_does_not_arrive(self):
        self.good, self.evil = self.serve("--source-guard")
        leased = socket.inet_aton(next(lease["address"] for lease in self.control.call("leases")["leases"]
                                       if lease["mac"] == "02:00:00:00:00:01"))
        self.assertEqual(self.dropped(), (0, 0))
        lies = (mark(GOOD), arp(GOOD, leased), arp(EVIL, leased), arp(EVIL, leased, GOOD), arp(EVIL, GATEWAY),
                arp(EVIL, socket.inet_aton("10.9.0.200")), router_advertisement(EVIL),
                router_advertisement(EVIL, bytes([58]) + bytes(7)), dhcp_offer(EVIL),
                vg.dhcp_frame(b"\x02\0\0\0\0\x03", 1, 1))
        for lie in lies:
            self.assertFalse(self.arrives(lie), lie.hex())
        self.assertEqual(self.dropped(), (0, len(lies)))

    def test_drops_are_counted_by_reason(self):
        self.good, self.evil = self.serve("--source-guard")
        self.evil.send(arp(GOOD, GATEWAY))    # of another's MAC
        for lie in (arp(EVIL, GATEWAY), router_advertisement(EVIL), dhcp_offer(EVIL), dhcp_offer(EVIL)):
            self.assertFalse(self.arrives(lie), lie.hex())
        by_mac = {port["mac"]: port["counters"]["guard_dropped_by"] for port in self.control.call("ports")["ports"]}
        nothing = {"mac": 0, "address": 0, "dhcp": 0, "router": 0, "unjudged": 0}
        self.assertEqual(by_mac["02:00:00:00:00:01"], nothing)
        self.assertEqual(by_mac["02:00:00:00:00:02"], {**nothing, "mac": 1, "address": 1, "dhcp": 2, "router": 1})

    def test_leased_addresses_pass(self):
        self.good, self.evil = self.serve("--source-guard")
        leases = {lease["mac"]: socket.inet_aton(lease["address"]) for lease in self.control.call("leases")["leases"]}
        self.assertTrue(self.arrives(arp(EVIL, leases["02:00:00:00:00:02"])))
        self.good.send(arp(GOOD, leases["02:00:00:00:00:01"]))
        self.evil.send(mark(EVIL))
        self.good.until_mark(EVIL)
        self.assertEqual(self.dropped(), (0, 0))

    def test_without_it_anything_arrives(self):
        self.good, self.evil = self.serve()
        for lie in (arp(EVIL, GATEWAY), router_advertisement(EVIL), dhcp_offer(EVIL)):
            self.assertTrue(self.arrives(lie), lie.hex())
        self.assertEqual(self.dropped(), (0, 0))

    def test_isolated_ports_are_guarded(self):
        _, evil = self.serve("--isolated")
        evil.send(arp(EVIL, GATEWAY))
        evil.lease(EVIL)    # so it was looked at
        self.assertEqual(self.dropped(), (0, 1))


if __name__ == "__main__":
    unittest.main()
