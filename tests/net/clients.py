# SPDX-License-Identifier: BSD-3-Clause
"""clients - what a guest asks its network for: an address by DHCP, names by DNS"""

import ipaddress
import os
import select
import socket
import struct
import time

TIMEOUT = 30
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
COOKIE = b'\x63\x82\x53\x63'


def _message(kind, xid, mac, options):
	head = struct.pack('>BBBBIHH4s4s4s4s6s10s64s128s', 1, 1, 6, 0, xid, 0, 0x8000, *[b''] * 4, mac, b'', b'', b'')
	options = [(53, bytes([kind])), (55, bytes([1, 3, 6, 15, 26, 51, 54])), *options]
	return head + COOKIE + b''.join(bytes([code, len(data)]) + data for code, data in options) + b'\xff'


def _parse(data, xid):
	"""The options of a reply to us, with its address as option 0; None for anything else."""
	if len(data) < 241 or data[0] != 2 or data[4:8] != struct.pack('>I', xid) or data[236:240] != COOKIE:
		return None
	options, at = {0: data[16:20]}, 240
	while at + 1 < len(data) and data[at] != 255:
		if data[at] == 0:
			at += 1
			continue
		options[data[at]] = data[at + 2:at + 2 + data[at + 1]]
		at += 2 + data[at + 1]
	return options


def _exchange(sock, message, xid, kinds, timeout):
	end = time.monotonic() + timeout
	again = 0
	while (now := time.monotonic()) < end:
		if now >= again:
			sock.sendto(message, ('255.255.255.255', 67))
			again = now + 1
		if select.select([sock], [], [], 0.2)[0]:
			options = _parse(sock.recv(2048), xid)
			if options and options.get(53, b'\0')[0] in kinds:
				return options
	return None


def dhcp(namespace, mac, name='', wanted=None, timeout=TIMEOUT):
	"""Ask for an address on eth0: what was given, or None if nobody answered in time or it was refused."""
	xid = int.from_bytes(os.urandom(4), 'big')
	options = [(12, name.encode())] if name else []
	if wanted:
		options.append((50, socket.inet_aton(wanted)))
	with namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
		sock.bind(('', 68))
		offer = _exchange(sock, _message(DISCOVER, xid, mac, options), xid, (OFFER,), timeout)
		if not offer:
			return None
		chosen = [(50, offer[0]), (54, offer[54]), *[option for option in options if option[0] == 12]]
		given = _exchange(sock, _message(REQUEST, xid, mac, chosen), xid, (ACK, NAK), timeout)
	if not given or given[53][0] == NAK:
		return None
	return _lease(given)


def _addresses(data):
	return [socket.inet_ntoa(data[i:i + 4]) for i in range(0, len(data), 4)]


def _lease(options):
	mask = _addresses(options[1])[0]
	lease = {'address': _addresses(options[0])[0],
		 'prefix_len': ipaddress.ip_network(f'0.0.0.0/{mask}').prefixlen,
		 'seconds': int.from_bytes(options[51], 'big'), 'server': _addresses(options[54])[0],
		 'router': _addresses(options.get(3, b'')), 'dns': _addresses(options.get(6, b'')),
		 'mtu': int.from_bytes(options.get(26, b''), 'big'), 'domain': options.get(15, b'').decode()}
	return lease


def resolve(namespace, server, name, six=False, timeout=TIMEOUT):
	"""The address of a name; None: there is none, or nobody answered in time."""
	kind = 28 if six else 1
	labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.')) + b'\0'
	query = os.urandom(2) + struct.pack('>HHHHH', 0x100, 1, 0, 0, 0) + labels + struct.pack('>HH', kind, 1)
	with namespace, socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, socket.SOCK_DGRAM) as sock:
		end = time.monotonic() + timeout
		while time.monotonic() < end:
			sock.sendto(query, (server, 53))
			if select.select([sock], [], [], 1)[0]:
				return _answer(sock.recv(2048), query, kind)
	return None


def _answer(reply, query, kind):
	if reply[:2] != query[:2] or not struct.unpack_from('>H', reply, 6)[0]:
		return None
	at = len(query)	# of the first answer; its name is a pointer in every reply that we get
	while at + 12 <= len(reply):
		found, _, _, length = struct.unpack_from('>HHIH', reply, at + 2)
		if found == kind:
			return str(ipaddress.ip_address(reply[at + 12:at + 12 + length]))
		at += 12 + length
	return None
