#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Programs written for vmnet, on libvmnet and real networks: those of examples/vmnet/.

	echo, talk, capture --- libvmnet --- one `outrigger net` for all of them
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

EXAMPLES = os.environ["VMNET_EXAMPLES"]
UUID = "8f2c8a54-3f6e-4c68-a0ba-5f6f8ab0c001"
TIMEOUT = 60


class Program:
	"""One of the examples, and the lines that it prints."""

	def __init__(self, test, name, *words):
		self.child = subprocess.Popen([os.path.join(EXAMPLES, name), *words], text=True, bufsize=1,
			stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=test.env)
		self.params = {}
		test.addCleanup(self.end)
		self.late = threading.Timer(TIMEOUT, self.child.kill)
		self.late.start()

	def expect(self, pattern):
		"""The first line that is like that; what vmnet told of the interface is kept on the way."""
		for line in self.child.stdout:
			pair = line.split(" ", 1)
			if line.startswith("vmnet_"):
				self.params[pair[0]] = pair[1].strip()
			if (found := re.search(pattern, line)):
				return found
		raise AssertionError(f"no line like {pattern}: {self.child.stderr.read()}")

	def finish(self):
		"""Its status, and all it said."""
		out, err = self.child.communicate()
		self.late.cancel()
		return self.child.returncode, out, err

	def end(self):
		self.late.cancel()
		self.child.stdin.close()
		self.child.kill()
		self.child.wait()
		self.child.stdout.close()
		self.child.stderr.close()


class Programs(unittest.TestCase):
	def setUp(self):
		self.dir = tempfile.mkdtemp(prefix="vmnet-")
		self.env = dict(os.environ, OUTRIGGER_VMNET_DIR=self.dir, OUTRIGGER_VMNET_LOG="stderr")
		self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

	def program(self, name, *words):
		return Program(self, name, *words)

	def run_program(self, name, *words):
		return self.program(name, *words).finish()

	def echo(self, *words):
		echo = self.program("echo", *words)
		echo.expect("^echoing")
		return echo


class TwoProcesses(Programs):
	def test_packets_go_from_one_process_to_another_and_back(self):
		self.echo("host")
		for length in "60", "1000", "1514":
			status, out, err = self.run_program("talk", "300", length, "20000", "host")
			self.assertEqual(status, 0, out + err)

	def test_a_capture_sees_what_others_send_to_all(self):
		capture = self.program("capture", "5", "shared")
		capture.expect("^capturing")
		self.run_program("talk", "1", "77", "1", "shared")
		line = capture.expect("88b5 77$").string
		self.assertIn("> ff:ff:ff:ff:ff:ff", line)

	def test_different_modes_are_different_networks(self):
		self.echo("host")
		status, out, _ = self.run_program("talk", "1", "60", "500", "shared")
		self.assertEqual((status, out.splitlines()[-1]), (1, "0 of 1 answered"))

	def test_different_identifiers_are_different_networks(self):
		self.echo("host", f"network={UUID}")
		other = UUID[:-1] + "2"
		self.assertEqual(self.run_program("talk", "1", "60", "500", "host", f"network={other}")[0], 1)
		self.assertEqual(self.run_program("talk", "1", "60", "20000", "host", f"network={UUID}")[0], 0)

	def test_isolated_interfaces_do_not_reach_each_other(self):
		self.echo("shared", "isolated")
		status, out, _ = self.run_program("talk", "1", "60", "500", "shared", "isolated")
		self.assertEqual((status, out.splitlines()[-1]), (1, "0 of 1 answered"))
		self.assertEqual(self.run_program("dhcp", "20000", "shared", "isolated")[0], 0)

	def test_an_isolated_host_network_lets_nobody_join(self):
		words = "host", "range=10.99.1.1,10.99.1.99,255.255.255.0"
		self.echo(*words, "isolated")
		status, _, err = self.run_program("talk", "1", "60", "500", *words)
		self.assertEqual(status, 1)
		self.assertIn("start: 1009", err)

	def test_a_range_of_the_other_mode_is_busy(self):
		self.echo("host", "range=10.99.1.1,10.99.1.99,255.255.255.0")
		_, _, err = self.run_program("talk", "1", "60", "500", "shared",
			"range=10.99.1.1,10.99.1.99,255.255.255.0")
		self.assertIn("start: 1009", err)

	def test_the_same_id_is_the_same_address_in_another_process(self):
		macs = []
		for _ in range(2):
			program = self.echo("shared", f"id={UUID}")
			macs.append(program.params["vmnet_mac_address"])
			program.end()
		self.assertEqual(*macs)


class LostNetwork(Programs):
	def network(self):
		"""The process that is ours, by the directory that its sockets are in."""
		for pid in filter(str.isdigit, os.listdir("/proc")):
			try:
				with open(f"/proc/{pid}/cmdline", "rb") as words:
					if self.dir.encode() in words.read():
						return int(pid)
			except OSError:	# it has ended meanwhile
				continue
		raise AssertionError("no network runs")

	def test_reading_fails_when_the_network_was_killed(self):
		capture = self.program("capture", "0", "host")
		capture.expect("^capturing")
		os.kill(self.network(), signal.SIGKILL)
		status, _, err = capture.finish()
		self.assertEqual(status, 1)
		self.assertIn("read: 1001, failure", err)
		self.assertIn("network is lost", err)

	def test_the_next_interface_gets_a_network_again(self):
		capture = self.program("capture", "0", "host")
		capture.expect("^capturing")
		os.kill(self.network(), signal.SIGKILL)
		capture.finish()
		self.echo("host")
		self.assertEqual(self.run_program("talk", "1", "60", "20000", "host")[0], 0)


class Addresses(Programs):
	def test_dhcp_answers_with_an_address_of_the_range(self):
		for mode in "shared", "host":
			status, out, err = self.run_program("dhcp", "20000", mode,
				"range=10.98.7.1,10.98.7.9,255.255.255.0")
			self.assertEqual(status, 0, err)
			last = re.search(r"offered 10\.98\.7\.(\d+)", out)
			self.assertTrue(2 <= int(last[1]) <= 9, out)
			self.assertIn("vmnet_start_address 10.98.7.1\n", out)

	def test_a_network_with_an_identifier_has_no_dhcp(self):
		status, out, _ = self.run_program("dhcp", "500", "host", f"network={UUID}")
		self.assertEqual(status, 1)
		self.assertIn("vmnet_start_address 0.0.0.0\n", out)

	def test_a_shared_network_has_a_prefix_and_a_host_network_none(self):
		self.assertRegex(self.echo("shared").params["vmnet_nat66_prefix"], "^fd")
		self.assertNotIn("vmnet_nat66_prefix", self.echo("host").params)


class NetworkObjects(Programs):
	def test_a_reserved_address_is_what_its_station_is_offered(self):
		words = "10.96.3.1", "255.255.255.0", "02:00:00:00:12:34", "10.96.3.77"
		status, out, err = self.run_program("reserved", "20000", *words)
		self.assertEqual((status, out.splitlines()[-1]), (0, "offered 10.96.3.77"), err)

	def test_a_reservation_outside_of_the_subnet_is_refused(self):
		words = "10.96.3.1", "255.255.255.0", "02:00:00:00:12:34", "10.96.4.77"
		status, _, err = self.run_program("reserved", "1000", *words)
		self.assertEqual(status, 1)
		self.assertIn("1003", err)


class Forwarding(Programs):
	def free_port(self):
		with socket.create_server(("127.0.0.1", 0)) as server:
			return server.getsockname()[1]

	def test_a_forwarded_port_leads_into_the_network(self):
		port = self.free_port()
		forward = self.program("forward", "tcp", str(port), "10.97.1.77", "80", "1", "shared",
			"range=10.97.1.1,10.97.1.99,255.255.255.0")
		forward.expect(f"^rule tcp {port} to 10.97.1.77 80")
		forward.expect("^forwarding")
		with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT):
			forward.expect(r"^asked for 10\.97\.1\.77")
			self.assertEqual(forward.finish()[0], 0)

	def test_a_rule_goes_with_its_interface(self):
		port = self.free_port()
		self.echo("shared")	# keeps the network
		forward = self.program("forward", "tcp", str(port), "192.168.64.77", "80", "0", "shared")
		self.assertEqual(forward.finish()[0], 0)
		with self.assertRaises(ConnectionRefusedError):
			socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)


class Bridged(Programs):
	def test_a_name_that_is_not_in_the_list_is_refused_with_the_list(self):
		names = self.run_program("bridged_list")[1].split()
		self.assertNotIn("lo", names)
		for wrong in "lo", "no-such-name":
			_, _, err = self.run_program("talk", "1", "60", "1", f"bridged={wrong}")
			self.assertIn("start: 1003", err)
			self.assertIn("there is " + (", ".join(names) or "none"), err)

	def test_the_list_is_what_can_be_bridged_to(self):
		if os.geteuid() != 0:
			self.skipTest("needs root for interfaces in a namespace of its own")
		links = {"br7": "type bridge", "dummy7": "type dummy", "port7": "master br7 type dummy",
			"vlan7": "link dummy7 type vlan id 7", "vx7": "type vxlan id 7 dstport 4789 dev dummy7",
			"six7": "type sit", "vtap7": "link dummy7 type macvtap"}
		script = "".join(f"ip link add {name} {what} 2>&1 || :\n" for name, what in links.items())
		script += f"ip tuntap add tap7 mode tap || :\nip -br link\necho LIST\n{EXAMPLES}/bridged_list"
		out = subprocess.run(["unshare", "-n", "sh", "-c", script], env=self.env, check=True,
			capture_output=True, text=True).stdout
		there, listed = out.split("LIST\n")
		suits = [name for name in ("br7", "dummy7", "vlan7", "vx7") if re.search(f"^{name}\\b", there, re.M)]
		if not suits:
			self.skipTest("this kernel makes no interfaces")
		self.assertEqual(sorted(listed.split()), suits, out)


if __name__ == "__main__":
	unittest.main()
