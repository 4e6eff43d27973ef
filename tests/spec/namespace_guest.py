#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What runs inside a guest's namespace, see namespaces.py.

    namespace_guest.py pump SOCKET MAC            carry frames between a TAP, eth0, and a stream socket
    namespace_guest.py answer PROTOCOL ADDRESS PORT  tell whoever comes the address that it comes from
"""
import array
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
SIOCGIFHWADDR, SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8927, 0x8946, 0x17
ASK_S = 10
RESEND_S = 0.5
DHCP_S = 15


def settle_soon():
    """What interfaces do that come from now on: the first frames may get lost while a port's carrier comes up."""
    for name, value in (("router_solicitation_delay", 0), ("router_solicitation_interval", 1), ("dad_transmits", 0)):
        with open(f"/proc/sys/net/ipv6/conf/default/{name}", "w", encoding="ascii") as file:
            file.write(str(value))


def pump(path, mac):
    settle_soon()
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    for command in ("ip link set lo up", f"ip link set eth0 address {mac}", "ip link set eth0 up"):
        subprocess.run(command.split(), check=True)
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    print("ready", flush=True)
    pending = b""
    while True:
        for fd in select.select([tap, stream], [], [])[0]:
            if fd == tap:
                frame = os.read(tap, 65536)
                stream.sendall(struct.pack(">I", len(frame)) + frame)
                continue
            got = stream.recv(65536)
            if not got:
                return
            pending += got
            while len(pending) >= 4 and len(pending) >= 4 + int.from_bytes(pending[:4], "big"):
                end = 4 + int.from_bytes(pending[:4], "big")
                os.write(tap, pending[4:end])
                pending = pending[end:]


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def answer(protocol, address, port):
    server = socket.socket(family_of(address), socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, int(port)))
    if protocol == "tcp":
        server.listen()
    print("ready", flush=True)
    while True:
        if protocol == "tcp":
            client, peer = server.accept()
            with client:
                client.sendall(peer[0].encode())
        else:
            _, peer = server.recvfrom(2048)
            server.sendto(peer[0].encode(), peer)


def ask(address, port, protocol="tcp", wait_s=ASK_S):
    with socket.socket(family_of(address), socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as client:
        client.settimeout(wait_s)
        end = time.monotonic() + wait_s
        try:
            client.connect((address, port))
            while protocol == "udp" and time.monotonic() < end:
                client.send(b"who am I")
                if select.select([client], [], [], RESEND_S)[0]:
                    break
            return client.recv(100).decode()
        except OSError:
            return ""


def own_mac():
    with socket.socket() as probe:
        return fcntl.ioctl(probe, SIOCGIFHWADDR, struct.pack("256s", b"eth0"))[18:24]


def complete_checksums(interface):
    """Leave none to a receiver that would have to know that they are not done."""
    request = array.array("B", struct.pack("II", ETHTOOL_STXCSUM, 0))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), request.buffer_info()[0]))


def options_of(message):
    found, at = {}, 240
    while at < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        found[message[at]] = message[at + 2:at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    return found


def exchange(client, mac, xid, options, want):
    """Send until the answer of the wanted type has come; None: refused or nothing in time."""
    message = struct.pack(">BBBBIHH16x6s10x192xI", 1, 1, 6, 0, xid, 0, 0x8000, mac, 0x63825363) + options + b"\xff"
    end = time.monotonic() + DHCP_S
    while time.monotonic() < end:
        client.sendto(message, ("255.255.255.255", 67))
        resend = time.monotonic() + RESEND_S
        while (left := resend - time.monotonic()) > 0 and select.select([client], [], [], left)[0]:
            reply = client.recv(2048)
            if len(reply) < 240 or reply[4:8] != struct.pack(">I", xid):
                continue
            found = options_of(reply)
            if found.get(53) == b"\6":
                return None
            if found.get(53) == bytes([want]):
                return reply
    return None


def dhcp(name=""):
    """Print what is given as KEY=VALUE; nothing if there is no answer."""
    mac = own_mac()
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    client.bind(("0.0.0.0", 68))
    xid = int.from_bytes(os.urandom(4), "big")
    wish = b"\x37\x08\x01\x03\x06\x1a\x0f\x33\x43\x42"
    host_name = bytes([12, len(name)]) + name.encode() if name else b""
    offer = exchange(client, mac, xid, b"\x35\1\1" + wish + host_name, 2)
    if not offer:
        return
    request = b"\x35\1\3" + b"\x32\4" + offer[16:20] + b"\x36\4" + options_of(offer)[54] + wish + host_name
    reply = exchange(client, mac, xid, request, 5)
    if not reply:
        return
    found = options_of(reply)
    print(f"address={socket.inet_ntoa(reply[16:20])}")
    print(f"prefix_len={bin(int.from_bytes(found[1], 'big')).count('1')}")
    for key, option in (("router", 3), ("dns", 6)):
        if option in found:
            print(f"{key}={socket.inet_ntoa(found[option][:4])}")
    for key, option in (("mtu", 26), ("lease_s", 51)):
        if option in found:
            print(f"{key}={int.from_bytes(found[option], 'big')}")
    for key, option in (("domain", 15), ("boot_file", 67)):
        if option in found:
            print(f"{key}={found[option].rstrip(bytes(1)).decode()}")
    if reply[108:236].rstrip(b"\0"):
        print(f"file={reply[108:236].rstrip(bytes(1)).decode()}")


def lookup(server, name):
    """The IPv4 address that a name server gives for a name; "" if none."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as client:
        client.settimeout(ASK_S)
        client.connect((server, 53))
        client.send(struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question)
        reply = client.recv(2048)
    return socket.inet_ntoa(reply[-4:]) if reply[6:8] != b"\0\0" else ""


def wait_for(what, deadline_s=DHCP_S):
    end = time.monotonic() + deadline_s
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def address6():
    """The global address that eth0 got by router advertisement, ready for use."""
    def look():
        text = subprocess.run("ip -6 -o address show dev eth0 scope global -tentative".split(), stdout=subprocess.PIPE,
                              text=True, check=True).stdout
        return text.split()[3].split("/")[0] if text else ""
    return wait_for(look)


def send_udp(gateway_mac, source, destination, port):
    """A datagram to any address, by the gateway, whatever our own routes say."""
    mac = own_mac()
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 32, 1, 0, 64, 17, 0, socket.inet_aton(source),
                         socket.inet_aton(destination))
    total = sum(struct.unpack(">10H", header))
    total = ~(total + (total >> 16)) & 0xFFFF
    header = header[:10] + struct.pack(">H", total) + header[12:]
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))
    raw.send(bytes.fromhex(gateway_mac.replace(":", "")) + mac + b"\x08\0" + header +
             struct.pack(">HHHH4s", 4444, port, 12, 0, b"here"))


if __name__ == "__main__":
    {"pump": pump, "answer": answer}[sys.argv[1]](*sys.argv[2:])
