# SPDX-License-Identifier: BSD-3-Clause
"""harness - guests, Outrigger and a web server, each a process that cannot outlive its test

Every class here is a context manager and ends what it started when its block is
left, however that happens; what a killed test leaves, the kernel ends (each child
asks for SIGKILL when its parent dies). Nothing sleeps to wait: every wait is for a
byte, an end of file or an exit, and has a deadline.

	with TemporaryDirectory() as tmp, \\
	     Outrigger('net', 'shared', '--nic', tmp + '/nic') as net, \\
	     WebServer() as web, \\
	     Guest(vfio_user=[tmp + '/nic']) as guest:
		guest.check('net-up eth0')
		assert guest.check(f'wget -q -O - {web.url("192.168.64.1", 1 << 20)} | sha256sum') \\
			.split()[0] == web.sha256(1 << 20)
	assert net.status == 0, net.stderr()

A guest by hand: `python3 tests/vm/harness.py [SOCKET...]` ends in its shell.

The environment says what to run: OUTRIGGER (the binary; default the newest build's),
OUTRIGGER_VM (what get-qemu and get-guest made; default build/vm) and OUTRIGGER_ACCEL
(kvm or tcg; default: see accelerator()).
"""

import base64
import contextlib
import ctypes
import hashlib
import http.server
import json
import os
import re
import select
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VM = os.environ.get('OUTRIGGER_VM', os.path.join(ROOT, 'build', 'vm'))
OUTRIGGER = os.environ.get('OUTRIGGER', os.path.join(ROOT, 'build', 'src', 'cli', 'outrigger'))

BOOT_TIMEOUT = 120	# seconds; TCG on a busy machine takes 15 of them
RUN_TIMEOUT = 60


class Failure(Exception):
	"""Something did not happen, or not in time; the text says what, and shows the logs."""


class TemporaryDirectory(tempfile.TemporaryDirectory):
	"""A short path for sockets: theirs may have no more than 107 bytes."""

	def __init__(self):
		super().__init__(prefix='rig-', dir='/tmp')


def missing():
	"""Why no guest can be started here, or None."""
	for path in ('qemu-system-x86_64', 'guest/vmlinuz', 'guest/initramfs.cpio'):
		if not os.path.exists(os.path.join(VM, path)):
			return f'{path} is missing: run scripts/get-qemu and scripts/get-guest'
	return None


class Deadline:
	"""A point in time that waits share."""

	def __init__(self, seconds):
		self.seconds = seconds
		self.at = time.monotonic() + seconds

	def left(self):
		return max(0.0, self.at - time.monotonic())


class Process:
	"""A child process with its stderr in a file, that ends with its block."""

	def __init__(self, argv, pass_fds=(), stdout=None, env=None):
		self.argv = argv
		self.status = None	# once it has ended: exit status, or -signal
		self._stderr = tempfile.TemporaryFile()
		self.popen = subprocess.Popen(
			argv, stdin=subprocess.DEVNULL, stdout=stdout or self._stderr,
			stderr=self._stderr, pass_fds=pass_fds, env=env,
			preexec_fn=_end_with_parent, start_new_session=True)
		self.pid = self.popen.pid

	def __enter__(self):
		return self

	def __exit__(self, *exception):
		self.stop()

	def alive(self):
		return self.popen.poll() is None

	def wait(self, timeout=30):
		"""Wait for its end; returns its status."""
		try:
			self.status = self.popen.wait(timeout)
		except subprocess.TimeoutExpired:
			raise Failure(f'{self} still runs after {timeout} s\n{self.stderr()}') from None
		return self.status

	def signal(self, number):
		if self.alive():
			self.popen.send_signal(number)

	def kill(self):
		"""End it at once, as a crash would."""
		self.signal(signal.SIGKILL)
		return self.wait()

	def stop(self, timeout=30):
		"""End it politely with SIGTERM, or else with SIGKILL and a Failure."""
		if self.status is not None:
			return self.status
		self.signal(signal.SIGTERM)
		try:
			return self.wait(timeout)
		except Failure:
			self.kill()
			raise

	def stderr(self):
		"""What it has printed there so far."""
		size = os.fstat(self._stderr.fileno()).st_size
		return os.pread(self._stderr.fileno(), size, 0).decode(errors='replace')

	def __str__(self):
		return f'{os.path.basename(self.argv[0])} (pid {self.pid})'


def _end_with_parent():
	PR_SET_PDEATHSIG = 1
	_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


_libc = ctypes.CDLL(None, use_errno=True)


class Outrigger(Process):
	"""The command under test. A network is ready once its block is entered.

	SIGTERM must end it with status 0, without a sanitizer's report: else leaving the
	block raises. Use check=False where something else is the point.
	"""

	program = OUTRIGGER

	def __init__(self, *arguments, ready_timeout=30, check=True, env=None):
		read, write = os.pipe()
		super().__init__([self.program, *arguments], stdout=write,
				 env={**os.environ, **env} if env else None)
		os.close(write)
		self._out = read
		self._check = check
		self.ready_line = None
		try:
			self.ready_line = self._first_line(Deadline(ready_timeout))
		except BaseException:
			self._check = False
			self.__exit__(None, None, None)
			raise

	def _first_line(self, deadline):
		line = b''
		while not line.endswith(b'\n'):
			if not select.select([self._out], [], [], deadline.left())[0]:
				raise Failure(f'{self} is not ready after {deadline.seconds} s\n{self.stderr()}')
			byte = os.read(self._out, 1)
			if not byte:
				raise Failure(f'{self} ended before it was ready, '
					      f'with status {self.wait()}\n{self.stderr()}')
			line += byte
		return line.decode().rstrip('\n')

	def stop(self, timeout=30):
		asked = self.status is None and self.alive()
		status = super().stop(timeout)
		if self._check and asked and status != 0:
			raise Failure(f'{self} ended with status {status}\n{self.stderr()}')
		return status

	def __exit__(self, kind, *exception):
		try:
			self.stop()
			if self._check and kind is None:
				self.check_sanitizers()
		finally:
			os.close(self._out)

	def check_sanitizers(self):
		found = re.search(r'(ERROR|WARNING): \w+Sanitizer|runtime error:', self.stderr())
		if found:
			raise Failure(f'{self}: a sanitizer reports\n{self.stderr()}')

	def open_fds(self):
		"""How many files it has open."""
		return len(os.listdir(f'/proc/{self.pid}/fd'))


class Guest(Process):
	"""A stock QEMU with a stock Linux, booted and listening once the block is entered.

	vfio_user	paths of vfio-user sockets, one NIC each: eth0, eth1, ...
	stream, dgram	paths of sockets that speak -netdev stream (which reconnects) or dgram, one
			virtio-net-pci each
	netdevs		further NICs: QEMU's -netdev arguments without the id, such as 'user'
	memory		in MiB
	cmdline		more for the kernel's command line
	qemu		more arguments for QEMU
	reboots		let the guest reboot; else a reboot ends QEMU
	wait		False returns at once: boot() then waits
	"""

	def __init__(self, vfio_user=(), stream=(), dgram=(), netdevs=(), memory=256, cmdline='',
		     qemu=(), accel=None, cpus=1, reboots=False, wait=True, timeout=BOOT_TIMEOUT):
		reason = missing()
		if reason:
			raise Failure(reason)
		self.accel = accel or accelerator()
		self._console_file = tempfile.NamedTemporaryFile(prefix='rig-console-')
		self._buffer = b''
		self._jobs = 0
		netdevs = [*(_stream(path) for path in stream), *(_dgram(path) for path in dgram), *netdevs]
		with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
			ends = {}
			for name in ('console', 'commands', 'qmp'):
				mine, its = socket.socketpair()
				ends[name] = theirs.enter_context(its)
				setattr(self, '_' + name, ours.enter_context(mine))
			super().__init__(
				self._arguments(ends, vfio_user, netdevs, memory, cmdline, qemu, cpus, reboots),
				pass_fds=[end.fileno() for end in ends.values()])
			self._sockets = ours.pop_all()
		self.qmp = Qmp(self._qmp, self)
		self._screen = None	# where the console is shown, meanwhile
		self._reader = threading.Thread(target=self._read_console, daemon=True)
		self._reader.start()
		try:
			if wait:
				self.boot(timeout)
		except BaseException:
			self.__exit__()
			raise

	def _arguments(self, ends, vfio_user, netdevs, memory, cmdline, qemu, cpus, reboots):
		arguments = [
			os.path.join(VM, 'qemu-system-x86_64'), '-nodefaults', '-no-user-config',
			'-display', 'none', '-accel', self.accel,
			# TCG: few features to emulate; what computes checksums is worth its while.
			'-cpu', 'host' if self.accel == 'kvm' else 'Nehalem,+sha-ni',
			'-smp', str(cpus), '-m', f'{memory}M',
			'-object', f'memory-backend-memfd,id=ram,size={memory}M,share=on',
			'-machine', 'q35,memory-backend=ram',
			'-kernel', os.path.join(VM, 'guest', 'vmlinuz'),
			'-initrd', os.path.join(VM, 'guest', 'initramfs.cpio'),
			'-append', f'console=ttyS0 quiet panic=-1 mitigations=off nokaslr '
				   f'tsc=reliable no_timer_check rcupdate.rcu_expedited=1 {cmdline}',
			'-chardev', f'socket,id=console,fd={ends["console"].fileno()},'
				    f'logfile={self._console_file.name}',
			'-serial', 'chardev:console',
			'-chardev', f'socket,id=commands,fd={ends["commands"].fileno()}',
			'-serial', 'chardev:commands',
			'-chardev', f'socket,id=qmp,fd={ends["qmp"].fileno()}',
			'-qmp', 'chardev:qmp']
		if not reboots:
			arguments += ['-no-reboot']
		for n, path in enumerate(vfio_user):
			arguments += ['-device', json.dumps({
				'driver': 'vfio-user-pci', 'id': f'nic{n}',
				'socket': {'type': 'unix', 'path': path}})]
		for n, netdev in enumerate(netdevs):
			arguments += ['-netdev', f'{netdev},id=net{n}',
				      '-device', f'virtio-net-pci,netdev=net{n},romfile=,mac={_mac()}']
		return arguments + list(qemu)

	def boot(self, timeout=BOOT_TIMEOUT):
		"""Wait until the guest takes commands: after its start, or its own reboot."""
		self._until(b'\x1eready', Deadline(timeout), None)

	def run(self, command, timeout=RUN_TIMEOUT, output=None):
		"""Run a shell command in the guest: (status, what it printed).

		output, if given, is called with each piece of bytes as it comes.
		"""
		deadline = Deadline(timeout)
		nonce = secrets.token_hex(8)
		line = f'{nonce} {base64.b64encode(command.encode()).decode()}\n'.encode()
		try:
			self._commands.sendall(line)
		except OSError:
			raise self._failure('is gone') from None
		text, status = self._until(b'\x1e' + nonce.encode(), deadline, output)
		return status, text.decode(errors='replace')

	def check(self, command, timeout=RUN_TIMEOUT, output=None):
		"""Run a shell command that must succeed: what it printed."""
		status, text = self.run(command, timeout, output)
		if status != 0:
			raise self._failure(f'`{command}` ended with status {status}, and printed\n{text}')
		return text

	def start(self, command):
		"""Start a shell command in the background: a Job."""
		self._jobs += 1
		return Job(self, f'/tmp/job{self._jobs}', command)

	def reboot(self, timeout=BOOT_TIMEOUT):
		"""Reboot from inside (the guest was started with reboots=True)."""
		self._commands.sendall(b'- ' + base64.b64encode(b'reboot -f') + b'\n')
		self.boot(timeout)

	def poweroff(self, timeout=30):
		"""Power off from inside; returns QEMU's exit status."""
		with contextlib.suppress(OSError):
			self._commands.sendall(b'- ' + base64.b64encode(b'poweroff -f') + b'\n')
		return self.wait(timeout)

	def console(self):
		"""What the guest's kernel has printed so far."""
		with open(self._console_file.name, errors='replace') as log:
			return log.read()

	def interact(self, where=sys.stdin):
		"""Connect the terminal to the guest's console until the guest ends.

		Every key is the guest's, but for ^] (as in telnet), which returns at once.
		"""
		keys, screen = where.fileno(), sys.stdout.fileno()
		rows, columns = shutil.get_terminal_size().lines, shutil.get_terminal_size().columns
		self._screen = screen
		# Not as the leader of a session: that would own the console as soon as it opens it, and
		# hang it up when it has started the shell and ends.
		self.check(f'echo rows {rows} cols {columns} > /tmp/stty; /init shell &')
		before = termios.tcgetattr(keys)
		ended = os.pidfd_open(self.pid)
		tty.setraw(keys)
		try:
			while ended not in select.select([keys, ended], [], [])[0]:
				data = os.read(keys, 1024)
				if not data or b'\x1d' in data:
					return
				self._console.sendall(data)
		except ConnectionError:
			pass
		finally:
			self._screen = None
			termios.tcsetattr(keys, termios.TCSADRAIN, before)
			os.close(ended)

	def _read_console(self):
		"""A thread: the guest's kernel waits for whoever does not take what it prints."""
		with contextlib.suppress(OSError):
			while data := self._console.recv(65536):
				if self._screen is not None:
					os.write(self._screen, data)

	def __exit__(self, *exception):
		try:
			super().stop()
		finally:
			self._reader.join()	# QEMU's end of the socket is closed
			self._sockets.close()
			self._console_file.close()

	def _until(self, prefix, deadline, output):
		"""Read from the command port up to a line of PREFIX STATUS: (text before, status)."""
		pattern = re.compile(re.escape(prefix) + rb' (\d+)\n')
		text = self._buffer
		shown = 0
		while True:
			end = pattern.search(text)
			if output:
				upto = end.start() if end else max(shown, len(text) - 32)
				if upto > shown:
					output(text[shown:upto])
					shown = upto
			if end:
				self._buffer = text[end.end():]
				return text[:end.start()], int(end[1])
			if not select.select([self._commands], [], [], deadline.left())[0]:
				raise self._failure(f'did not answer within {deadline.seconds} s, and printed\n'
						    + text.decode(errors='replace'))
			try:
				data = self._commands.recv(65536)
			except ConnectionError:
				data = b''
			if not data:
				raise self._failure('ended')
			text += data

	def _failure(self, what):
		console = self.console()[-3000:]
		return Failure(f'guest {what}\n--- its console ---\n{console}\n'
			       f'--- QEMU\'s stderr ---\n{self.stderr()}')


def _stream(path):
	return f'stream,server=off,addr.type=unix,addr.path={path},reconnect-ms=200'


def _dgram(path):
	own = f'{path}.{secrets.token_hex(4)}'	# each QEMU a name of its own
	return f'dgram,local.type=unix,local.path={own},remote.type=unix,remote.path={path}'


def _mac():
	"""QEMU's own default is the same in every guest."""
	return '52:54:00:' + secrets.token_bytes(3).hex(':')


class Job:
	"""A command that runs in a guest meanwhile."""

	def __init__(self, guest, files, command):
		self.guest, self.files, self.command = guest, files, command
		guest.check(f'mkfifo {files}.end; (setsid sh -c {shlex.quote(command)} '
			    f'> {files}.out 2>&1; echo $? > {files}.end) > /dev/null 2>&1 &')

	def wait(self, timeout=RUN_TIMEOUT):
		"""Wait for its end: (status, what it printed)."""
		status = int(self.guest.check(f'cat {self.files}.end', timeout))
		return status, self.output()

	def check(self, timeout=RUN_TIMEOUT):
		status, text = self.wait(timeout)
		if status != 0:
			raise Failure(f'`{self.command}` ended with status {status}, and printed\n{text}')
		return text

	def output(self):
		return self.guest.check(f'cat {self.files}.out')


class Qmp:
	"""QEMU's control socket. execute() returns what QEMU returns; events are kept."""

	def __init__(self, sock, guest):
		self._sock, self._guest = sock, guest
		self._buffer = b''
		self._ready = False
		self.events = []

	def execute(self, command, timeout=30, **arguments):
		deadline = Deadline(timeout)
		if not self._ready:
			self._message(deadline)	# the greeting
			self._ready = True
			self.execute('qmp_capabilities', timeout)
		self._sock.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode())
		while True:
			message = self._message(deadline)
			if 'event' in message:
				self.events.append(message)
			elif 'error' in message:
				raise Failure(f'QMP {command}: {message["error"]["desc"]}')
			else:
				return message['return']

	def wait_event(self, name, timeout=30):
		"""The next event of this name, taken off the list."""
		deadline = Deadline(timeout)
		if not self._ready:
			self.execute('query-status')
		while True:
			for event in self.events:
				if event['event'] == name:
					self.events.remove(event)
					return event
			self.events.append(self._message(deadline))

	def _message(self, deadline):
		while b'\n' not in self._buffer:
			if not select.select([self._sock], [], [], deadline.left())[0]:
				raise self._guest._failure(f'sends nothing on QMP for {deadline.seconds} s')
			data = self._sock.recv(65536)
			if not data:
				raise self._guest._failure('closed QMP')
			self._buffer += data
		line, self._buffer = self._buffer.split(b'\n', 1)
		return json.loads(line)


class WebServer:
	"""Files of any size at /SIZE, the same bytes each time; PUT /NAME keeps a checksum.

	A thread of the test, at all of the host's IPv4 addresses (or at one of them): the gateway's address
	leads to none that is loopback.
	"""

	def __init__(self, address='0.0.0.0', port=0):
		server = self

		class Handler(http.server.BaseHTTPRequestHandler):
			protocol_version = 'HTTP/1.1'

			def do_GET(self):
				size = int(self.path.strip('/') or 0)
				self.send_response(200)
				self.send_header('Content-Length', str(size))
				self.end_headers()
				for block in content(size):
					self.wfile.write(block)

			def do_PUT(self):
				left = int(self.headers['Content-Length'])
				checksum = hashlib.sha256()
				while left:
					block = self.rfile.read(min(left, 1 << 20))
					if not block:
						return
					checksum.update(block)
					left -= len(block)
				server.received[self.path.strip('/')] = checksum.hexdigest()
				self.send_response(201)
				self.send_header('Content-Length', '0')
				self.end_headers()

			do_POST = do_PUT	# what busybox's wget --post-file sends

			def log_message(self, *arguments):
				pass

		class Server(http.server.ThreadingHTTPServer):
			address_family = socket.AF_INET6 if ':' in address else socket.AF_INET
			daemon_threads = True

			def handle_error(self, request, client):
				pass	# a guest that hangs up is the test's to notice

		self.received = {}	# NAME -> SHA-256 of what was sent to it
		self._server = Server((address, port), Handler)
		self.port = self._server.server_address[1]
		self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

	def url(self, host, what):
		"""The URL of a file of that size, or of a name to send to, as seen at that address."""
		return f'http://{"[" + host + "]" if ":" in host else host}:{self.port}/{what}'

	@staticmethod
	def sha256(size):
		checksum = hashlib.sha256()
		for block in content(size):
			checksum.update(block)
		return checksum.hexdigest()

	def __enter__(self):
		self._thread.start()
		return self

	def __exit__(self, *exception):
		self._server.shutdown()
		self._server.server_close()
		self._thread.join()


def content(size):
	"""The bytes of a file of that size, in blocks, no two of which are alike."""
	block = hashlib.shake_128(b'outrigger').digest(1 << 16)
	for n in range(0, size, len(block)):
		yield (n.to_bytes(8, 'big') + block[8:])[:size - n]


def accelerator():
	"""'kvm' where our guest really boots with it, else 'tcg'.

	Found out by booting one, and kept in build/vm/accel for this kernel and user.
	"""
	chosen = os.environ.get('OUTRIGGER_ACCEL')
	if chosen:
		return chosen
	usable = os.access('/dev/kvm', os.R_OK | os.W_OK)
	key = f'{os.uname().release} {"kvm" if usable else "no-kvm"}'
	cache = os.path.join(VM, 'accel')
	with contextlib.suppress(OSError, ValueError), open(cache) as kept:
		accel, kept_key = kept.read().strip().split(' ', 1)
		if kept_key == key:
			return accel
	accel = 'kvm' if usable and _boots_with_kvm() else 'tcg'
	with open(f'{cache}.{os.getpid()}', 'w') as new:
		new.write(f'{accel} {key}\n')
	os.rename(f'{cache}.{os.getpid()}', cache)
	return accel


def _boots_with_kvm(timeout=20):
	with Guest(accel='kvm', wait=False) as guest:
		try:
			# A kernel that KVM cannot run stops the machine: see that without the timeout.
			deadline = Deadline(timeout)
			guest.qmp.execute('query-status', timeout)
			while deadline.left():
				watched = select.select([guest._commands, guest._qmp], [], [], deadline.left())[0]
				if guest._commands in watched:
					guest.boot(deadline.left())
					return True
				if watched and guest.qmp.execute('query-status', timeout)['status'] != 'running':
					return False
		except (Failure, OSError):
			pass
		return False


if __name__ == '__main__':
	with Guest(vfio_user=sys.argv[1:], netdevs=[] if sys.argv[1:] else ['user']) as by_hand:
		by_hand.interact()
