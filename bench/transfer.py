# SPDX-License-Identifier: BSD-3-Clause
"""transfer - one TCP connection's worth of bytes, and what it cost a process

The source says when it is at its end, and the sink reads up to there: nobody hangs up on bytes that
are under way, which some networks answer with silence.
"""
import json
import time
from statistics import median

BLOCK = 256 << 10	# bytes that an end writes and reads at once


def cpu_seconds(pid):
	"""User and system time that the process has used so far, to the nanosecond."""
	return time.clock_gettime((~pid << 3) | 2)	# its CPU clock: see clock_getcpuclockid(3)


def send_for(sock, seconds):
	"""Send, and say that this was all: how many bytes."""
	end, block, n_bytes = time.monotonic() + seconds, bytes(BLOCK), 0
	while time.monotonic() < end:
		n_bytes += sock.send(block)
	sock.shutdown(1)
	return n_bytes


def receive_all(sock):
	"""How many bytes came before the end."""
	block, n_bytes = bytearray(BLOCK), 0
	while n := sock.recv_into(block):
		n_bytes += n
	return n_bytes


def report(bench, name, what, unit, ours, reference, note, target=None):
	"""One result of values that were measured in turns; target: what the ratio is at least."""
	ratio = median(a / b for a, b in zip(ours, reference))
	result = {'bench': bench, 'name': name, 'what': what, 'unit': unit, 'ours': median(ours),
		  'reference': median(reference), 'ratio': ratio, 'note': note}
	if target:
		result.update(target=f'>= {target}', met=ratio >= target)
	print(json.dumps(result), flush=True)


def skip(bench, name, reason):
	print(json.dumps({'bench': bench, 'name': name, 'skipped': reason}), flush=True)
