# SPDX-License-Identifier: BSD-3-Clause
"""A guest on a --stream port, made of a few lines: ARP, neighbour discovery, ping, UDP, and TCP without a loss.

Its UDP and TCP ports in `ports` answer with what they got, TCP until the peer has finished. Who asked is kept in
`peers`. A thread of its own reads the socket, so that tests may block.
"""
import ipaddress
import socket
import struct
import threading

from stream_client import StreamClient

TIMEOUT = 20
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Connection:
    """One TCP connection; `data`: what came; `ended`: None, "fin" or "rst"."""

    def __init__(self, guest, key, server):
        self.guest, self.key, self.server = guest, key, server
        self.ours, self.theirs = 1000, 0
        self.established, self.ended, self.data = False, None, b""

    def send(self, flags, data=b""):
        peer, peer_port, port = self.key
        header = struct.pack(">HHIIBBHHH", port, peer_port, self.ours, self.theirs, 5 << 4, flags, 65535, 0, 0)
        self.guest.send_ip(peer, TCP, header + data, 16)
        self.ours = (self.ours + len(data) + bool(flags & (SYN | FIN))) & 0xffffffff

    def segment(self, sequence, flags, data):
        if flags & RST:
            self.ended = "rst"
            return
        if flags & SYN:
            self.theirs = (sequence + 1) & 0xffffffff
            self.established = True
            self.send(SYN | ACK if self.server else ACK)
            return
        if sequence != self.theirs:
            return
        self.theirs = (self.theirs + len(data) + (flags & FIN)) & 0xffffffff
        self.data += data
        if data and self.server:
            self.send(ACK | PSH, data)
        elif data:
            self.send(ACK)
        if flags & FIN:
            self.ended = "fin"
            self.send(ACK | FIN if self.server else ACK)


class Guest:
    def __init__(self, path, number, address, gateway, address6=None, gateway6=None):
        self.mac = bytes((2, 0, 0, 0, 9, number))
        self.address, self.gateway = ipaddress.ip_address(address), ipaddress.ip_address(gateway)
        self.address6 = ipaddress.ip_address(address6) if address6 else None
        self.gateway6 = ipaddress.ip_address(gateway6) if gateway6 else None
        self.ports, self.peers, self.connections = set(), [], {}
        self.macs, self.datagrams, self.echoes, self.errors = {}, [], [], []
        self.next_port = 5000
        self.changed = threading.Condition()
        self.stream = StreamClient(path, timeout=None)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.stream.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(TIMEOUT)
        self.stream.close()

    def until(self, predicate, timeout=TIMEOUT):
        """Wait for it; returns what it returned last."""
        with self.changed:
            return self.changed.wait_for(predicate, timeout)

    # Sending

    def send_frame(self, destination, kind, payload):
        self.stream.send((destination + self.mac + struct.pack(">H", kind) + payload).ljust(60, b"\0"))

    def arp(self, operation, mac, address):
        self.send_frame(mac if operation == 2 else b"\xff" * 6, 0x0806, struct.pack(
            ">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, self.mac, self.address.packed, mac, address))

    def router_mac(self):
        """The gateway's, asked for once."""
        if self.gateway not in self.macs:
            self.arp(1, b"\0" * 6, self.gateway.packed)
            assert self.until(lambda: self.gateway in self.macs), "the gateway does not answer ARP"
        return self.macs[self.gateway]

    def send_ip(self, to, protocol, payload, checksum_at):
        """To an address, by the gateway; the checksum at that offset is filled in."""
        source = self.address if to.version == 4 else self.address6
        pseudo = source.packed + to.packed + struct.pack(">II", len(payload), protocol)
        total = checksum(payload if protocol == ICMP else pseudo + payload)
        payload = payload[:checksum_at] + struct.pack(">H", total or 0xffff) + payload[checksum_at + 2:]
        if to.version == 4:
            header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                                 source.packed, to.packed)
            header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
            self.send_frame(self.mac_for(to), 0x0800, header + payload)
        else:
            header = struct.pack(">IHBB16s16s", 6 << 28, len(payload), protocol,
                                 255 if protocol == ICMP6 else 64, source.packed, to.packed)
            self.send_frame(self.mac_for(to), 0x86dd, header + payload)

    def mac_for(self, to):
        """The one that last spoke for the address; the gateway's for all others."""
        if to.version == 6:
            return self.macs.get(to) or self.macs.get(self.gateway6) or b"\x52\x56\0\0\0\x02"
        return self.macs.get(self.gateway) or b"\x52\x55" + self.gateway.packed

    # Receiving

    def run(self):
        try:
            while True:
                frame = self.stream.receive()
                if frame[:6] == self.mac or frame[0] & 1:
                    with self.changed:
                        self.take(frame)
                        self.changed.notify_all()
        except (EOFError, OSError):
            pass

    def take(self, frame):
        kind, payload = struct.unpack(">H", frame[12:14])[0], frame[14:]
        if kind == 0x0806:
            self.take_arp(payload)
        elif kind == 0x0800 and ipaddress.ip_address(payload[16:20]) == self.address:
            end = struct.unpack(">H", payload[2:4])[0]
            self.take_ip(ipaddress.ip_address(payload[12:16]), payload[9], payload[4 * (payload[0] & 15):end])
        elif kind == 0x86dd and self.address6:
            end = 40 + struct.unpack(">H", payload[4:6])[0]
            self.take_ip(ipaddress.ip_address(payload[8:24]), payload[6], payload[40:end])

    def take_arp(self, payload):
        operation, mac, source, target = struct.unpack(">H6s4s6x4s", payload[6:28])
        self.macs[ipaddress.ip_address(source)] = mac
        if operation == 1 and target == self.address.packed:
            self.arp(2, mac, source)

    def take_ip(self, source, protocol, payload):
        if protocol == TCP:
            self.take_tcp(source, payload)
        elif protocol == UDP:
            self.take_udp(source, payload)
        elif protocol == ICMP6 and payload[0] == 135 and payload[8:24] == self.address6.packed:
            advert = struct.pack(">BBHI16sBB6s", 136, 0, 0, 0x60000000, self.address6.packed, 2, 1, self.mac)
            self.send_ip(source, ICMP6, advert, 2)
        elif protocol in (ICMP, ICMP6) and payload[0] in (0, 129):
            self.echoes.append(source)
        elif (protocol, payload[0]) in ((ICMP, 3), (ICMP6, 1)):
            inner = payload[8:]
            self.errors.append(ipaddress.ip_address(inner[16:20] if protocol == ICMP else inner[24:40]))

    def take_udp(self, source, payload):
        peer_port, port = struct.unpack(">HH", payload[:4])
        if port in self.ports:
            self.peers.append((str(source), peer_port))
            self.send_udp(source, peer_port, payload[8:], port)
        else:
            self.datagrams.append((str(source), peer_port, port, payload[8:]))

    def take_tcp(self, source, payload):
        peer_port, port, sequence, _, offset, flags = struct.unpack(">HHIIBB", payload[:14])
        key = source, peer_port, port
        connection = self.connections.get(key)
        if flags & SYN and not flags & ACK:
            if port not in self.ports:
                refusal = Connection(self, key, True)
                refusal.ours, refusal.theirs = 0, sequence + 1
                refusal.send(RST | ACK)
                return
            connection = self.connections[key] = Connection(self, key, True)
            self.peers.append((str(source), peer_port))
        if connection:
            connection.segment(sequence, flags, payload[4 * (offset >> 4):])

    # What tests do

    def send_udp(self, to, port, data, source_port=4000):
        header = struct.pack(">HHHH", source_port, port, 8 + len(data), 0)
        self.send_ip(ipaddress.ip_address(to), UDP, header + data, 6)

    def ask_udp(self, to, port, data=b"ask", source_port=4000, timeout=TIMEOUT):
        """Send a datagram; who answered with what, as (address, port, data), or None."""
        with self.changed:
            self.router_mac()
            self.datagrams.clear()
            self.send_udp(to, port, data, source_port)
        self.until(lambda: self.datagrams, timeout)
        return self.datagrams[0][:2] + self.datagrams[0][3:] if self.datagrams else None

    def connect(self, to, port, timeout=TIMEOUT):
        """A connection that is established, or None: refused, or no answer in time."""
        with self.changed:
            self.router_mac()
            self.next_port += 1
            connection = Connection(self, (ipaddress.ip_address(to), port, self.next_port), False)
            self.connections[connection.key] = connection
            connection.send(SYN)
        self.until(lambda: connection.established or connection.ended, timeout)
        return connection if connection.established and connection.ended != "rst" else None

    def ping(self, to, timeout=TIMEOUT):
        address = ipaddress.ip_address(to)
        with self.changed:
            self.router_mac()
            kind = 8 if address.version == 4 else 128
            self.send_ip(address, ICMP if address.version == 4 else ICMP6, struct.pack(">BBHHH", kind, 0, 0, 1, 1), 2)
        return bool(self.until(lambda: address in self.echoes, timeout))
