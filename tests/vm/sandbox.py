#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""sandbox.py - run a command on a host of its own: no internet, a resolver, an "outside"

	python3 tests/vm/sandbox.py COMMAND [ARGUMENT...]

What a guest sees through user-mode NAT is the host's network. So that tests neither
depend on the real one nor collide with its ports, the command runs in namespaces of
its own (user, network, mount), which need no privileges:

	+-- the command's host -----------------------------------+
	| lo  127.0.0.1, ::1           resolver on port 53        |
	|     203.0.113.1, 2001:db8::1 "the outside" (OUTSIDE4/6) |
	| /etc/resolv.conf: nameserver 127.0.0.1, nameserver ::1  |
	+---------------------------------------------------------+

The resolver knows names below outrigger.test: each has OUTSIDE4 and OUTSIDE6. Where
namespaces are refused the command runs without, and OUTRIGGER_SANDBOX, else "yes",
is "no: REASON": tests that need them then skip.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

OUTSIDE4 = '203.0.113.1'
OUTSIDE6 = '2001:db8::1'
ZONE = 'outrigger.test'

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCGIFINDEX = 0x8914, 0x8916, 0x8933
IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x1, 0x8, 0x40

libc = ctypes.CDLL(None, use_errno=True)


def checked(result, what):
	if result < 0:
		error = ctypes.get_errno()
		raise OSError(error, f'{what}: {os.strerror(error)}')


def enter():
	"""Move this process into namespaces of its own, as the user that it is."""
	uid, gid = os.getuid(), os.getgid()
	checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET), 'unshare')
	for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {gid} 1')):
		with open(f'/proc/self/{name}', 'w') as file:
			file.write(text)
	checked(libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None), 'mount')


def configure_lo():
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four:
		flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING
		fcntl.ioctl(four, SIOCSIFFLAGS, struct.pack('16sH14x', b'lo', flags))
		address = struct.pack('HH4s8x', socket.AF_INET, 0, socket.inet_aton(OUTSIDE4))
		fcntl.ioctl(four, SIOCSIFADDR, struct.pack('16s16s', b'lo:outside', address))
		index = fcntl.ioctl(four, SIOCGIFINDEX, struct.pack('16s16x', b'lo'))
	try:
		with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
			address = socket.inet_pton(socket.AF_INET6, OUTSIDE6)
			fcntl.ioctl(six, SIOCSIFADDR, address + struct.pack('II', 128, *struct.unpack('i', index[16:20])))
	except OSError:
		pass	# a host without IPv6


def replace_resolv_conf():
	with tempfile.NamedTemporaryFile('w') as file:
		file.write('nameserver 127.0.0.1\nnameserver ::1\n')
		file.flush()
		target = os.path.realpath('/etc/resolv.conf')
		checked(libc.mount(file.name.encode(), target.encode(), None, MS_BIND, None),
			f'mount on {target}')


def answer(query):
	"""The answer to a DNS query, or None for what is none."""
	if len(query) < 17 or query[2] & 0x80:
		return None
	end, labels = 12, []
	while query[end]:
		labels.append(query[end + 1:end + 1 + query[end]].decode('ascii', 'replace').lower())
		end += 1 + query[end]
	kind = struct.unpack_from('>H', query, end + 1)[0]
	question = query[12:end + 5]
	known = '.'.join(labels[-2:]) == ZONE
	data = {1: socket.inet_aton(OUTSIDE4),
		28: socket.inet_pton(socket.AF_INET6, OUTSIDE6)}.get(kind) if known else None
	record = struct.pack('>HHHIH', 0xc00c, kind, 1, 60, len(data)) + data if data else b''
	flags = 0x8580 if known else 0x8583	# NXDOMAIN
	return query[:2] + struct.pack('>HHHHH', flags, 1, 1 if data else 0, 0, 0) + question + record


def resolve_forever(sock):
	while True:
		query, client = sock.recvfrom(512)
		try:
			reply = answer(query)
		except (IndexError, struct.error):
			continue
		if reply:
			sock.sendto(reply, client)


def resolve_by_tcp_forever(listener):
	while True:
		sock, _ = listener.accept()
		with sock, sock.makefile('rb') as stream:
			try:
				sock.settimeout(10)
				reply = answer(stream.read(*struct.unpack('>H', stream.read(2))))
				sock.sendall(struct.pack('>H', len(reply)) + reply)
			except (IndexError, TypeError, struct.error, OSError):
				continue


def start_resolver(*addresses):
	for address in addresses or ('127.0.0.1', '::1'):
		family = socket.AF_INET6 if ':' in address else socket.AF_INET
		try:
			sock = socket.socket(family, socket.SOCK_DGRAM)
			sock.bind((address, 53))
			listener = socket.create_server((address, 53), family=family)
		except OSError:
			if family == socket.AF_INET:
				raise
			continue
		threading.Thread(target=resolve_forever, args=(sock,), daemon=True).start()
		threading.Thread(target=resolve_by_tcp_forever, args=(listener,), daemon=True).start()


def end_with_parent():
	PR_SET_PDEATHSIG = 1
	libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def possible():
	"""Why there can be no namespaces here, or None. Tried out in a child."""
	child = subprocess.run([sys.executable, __file__, '--try'], stderr=subprocess.PIPE)
	return child.stderr.decode().strip().split('\n')[-1] or 'failed' if child.returncode else None


def set_up():
	enter()
	configure_lo()
	replace_resolv_conf()


def main(command):
	if command == ['--try']:
		try:
			set_up()
		except OSError as error:
			sys.exit(str(error))
		return 0
	reason = possible()
	os.environ['OUTRIGGER_SANDBOX'] = f'no: {reason}' if reason else 'yes'
	if reason:
		print(f'{sys.argv[0]}: no namespaces here ({reason})', file=sys.stderr)
	else:
		set_up()
		start_resolver()
	child = subprocess.Popen(command, preexec_fn=end_with_parent)
	for number in (signal.SIGTERM, signal.SIGINT):
		signal.signal(number, lambda n, _: child.send_signal(n))
	status = child.wait()
	return status if status >= 0 else 128 - status


if __name__ == '__main__':
	if len(sys.argv) < 2:
		sys.exit(__doc__)
	sys.exit(main(sys.argv[1:]))
