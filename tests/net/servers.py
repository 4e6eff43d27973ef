# SPDX-License-Identifier: BSD-3-Clause
"""servers - TCP and UDP servers in any namespace, all in one thread

Who asks is told the address that the server sees it come from; the server's namespace
remembers (protocol, address) in `seen`.
"""

import ipaddress
import selectors
import socket
import threading

PORT = 7000		# of what is offered at every address of a namespace
LOOPBACK_PORT = 7001	# of what is offered at its loopback addresses only
ECHO_PORT = 7002	# where datagrams come back as they are, for who asks for echo()


def plain(address):
	"""An address of a socket as text, without what IPv6 puts around one of IPv4, and without a scope."""
	six = ipaddress.ip_address(address.split('%')[0])
	return str(getattr(six, 'ipv4_mapped', None) or six)


class Servers(threading.Thread):
	def __init__(self):
		super().__init__(daemon=True)
		self._selector = selectors.DefaultSelector()
		self._lock = threading.Lock()
		self.start()

	def open(self, namespace, address, port, protocols=('tcp', 'udp')):
		"""Serve there until the process ends, or close() of what this returns."""
		family = socket.AF_INET6 if ':' in address else socket.AF_INET
		opened = []
		for protocol in protocols:
			kind = socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM
			with namespace:
				sock = socket.socket(family, kind)
			sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
			if family == socket.AF_INET6:
				sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
			sock.bind((address, port))
			if protocol == 'tcp':
				sock.listen(64)
			sock.setblocking(False)
			with self._lock:
				self._selector.register(sock, selectors.EVENT_READ, (protocol, namespace))
			opened.append(sock)
		return opened

	def open_all(self, namespace):
		"""At every address, and at the loopback addresses. Datagrams are answered from the first address."""
		return [sock for address, port in (('0.0.0.0', PORT), ('::', PORT),
						   ('127.0.0.1', LOOPBACK_PORT), ('::1', LOOPBACK_PORT))
			for sock in self.open(namespace, address, port)]

	def echo(self, namespace, address, port=ECHO_PORT):
		"""Send datagrams of any size back."""
		return self.open(namespace, address, port, ['echo'])

	def close(self, sockets):
		with self._lock:
			for sock in sockets:
				self._selector.unregister(sock)
				sock.close()

	def run(self):
		while True:
			for key, _ in self._selector.select(0.2):
				try:
					with self._lock:
						self._answer(key.fileobj, *key.data)
				except (OSError, ValueError):
					pass	# who asked is gone, or the server is

	def _answer(self, sock, protocol, namespace):
		if protocol == 'tcp':
			connection, peer = sock.accept()
			with connection:
				namespace.seen.append((protocol, plain(peer[0])))
				connection.sendall(plain(peer[0]).encode())
		elif protocol == 'echo':
			sock.sendto(*sock.recvfrom(65536))
		else:
			_, peer = sock.recvfrom(2048)
			namespace.seen.append((protocol, plain(peer[0])))
			sock.sendto(plain(peer[0]).encode(), peer)
