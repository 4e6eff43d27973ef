#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""<vmnet/vmnet.h> as of each release of macOS, what libvmnet exports, and both as they are installed.

The releases are those of Apple's documentation, written down here once more: what a release
did not have must not be declared for it, or a program that asks for it would fail there only.
"""

import os
import re
import shlex
import subprocess
import tempfile
import unittest

CC = shlex.split(os.environ["CC"])
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
INCLUDES = [f"-I{SOURCE}/src/vmnet/include", f"-I{SOURCE}/src/darwin/include"]

SINCE = {
	101000: """vmnet_start_interface vmnet_stop_interface vmnet_interface_set_event_callback vmnet_read
		vmnet_write vmnet_operation_mode_key vmnet_mac_address_key vmnet_mtu_key
		vmnet_max_packet_size_key vmnet_interface_id_key vmnet_estimated_packets_available_key
		VMNET_HOST_MODE VMNET_SHARED_MODE VMNET_TOO_MANY_PACKETS""",
	101500: """vmnet_copy_shared_interface_list vmnet_interface_add_port_forwarding_rule
		vmnet_interface_remove_port_forwarding_rule vmnet_interface_get_port_forwarding_rules
		vmnet_port_forwarding_rule_get_details vmnet_shared_interface_name_key
		vmnet_allocate_mac_address_key vmnet_start_address_key vmnet_end_address_key
		vmnet_subnet_mask_key vmnet_nat66_prefix_key vmnet_nat66_prefix_length_key VMNET_BRIDGED_MODE""",
	110000: """vmnet_interface_add_ip_port_forwarding_rule vmnet_interface_remove_ip_port_forwarding_rule
		vmnet_interface_get_ip_port_forwarding_rules vmnet_ip_port_forwarding_rule_get_details
		vmnet_network_identifier_key vmnet_host_ip_address_key vmnet_host_subnet_mask_key
		vmnet_host_ipv6_address_key vmnet_enable_tso_key vmnet_enable_isolation_key
		VMNET_SHARING_SERVICE_BUSY""",
	120000: "vmnet_enable_checksum_offload_key",
	130000: "",
	150000: "vmnet_read_max_packets_key vmnet_write_max_packets_key",
	150400: "vmnet_enable_virtio_header_key",
	260000: """vmnet_network_configuration_create vmnet_network_configuration_set_external_interface
		vmnet_network_configuration_set_ipv4_subnet vmnet_network_configuration_set_ipv6_prefix
		vmnet_network_configuration_set_mtu vmnet_network_configuration_add_dhcp_reservation
		vmnet_network_configuration_add_port_forwarding_rule vmnet_network_configuration_disable_nat44
		vmnet_network_configuration_disable_nat66 vmnet_network_configuration_disable_dhcp
		vmnet_network_configuration_disable_dns_proxy
		vmnet_network_configuration_disable_router_advertisement vmnet_network_create
		vmnet_network_copy_serialization vmnet_network_create_with_serialization
		vmnet_network_get_ipv4_subnet vmnet_network_get_ipv6_prefix vmnet_interface_start_with_network
		VMNET_NOT_AUTHORIZED vmnet_mode_t""",
}
RELEASES = sorted(SINCE)


def run(*command, **options):
	done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200,
		**options)
	if done.returncode != 0:
		raise AssertionError(f"{shlex.join(command)}\nstatus {done.returncode}\n{done.stdout}")
	return done.stdout


def declared(*options):
	"""Names in the header after the preprocessor."""
	text = run(*CC, *INCLUDES, *options, "-E", "-P", "-x", "c", "-", input="#include <vmnet/vmnet.h>\n")
	return set(re.findall(r"\b(?:vmnet|VMNET)_\w+", text))


class Releases(unittest.TestCase):
	def test_each_release_declares_what_it_had_and_nothing_newer(self):
		for release in RELEASES:
			with self.subTest(release=release):
				names = declared(f"-DVMNET_API={release}")
				for since, words in SINCE.items():
					for word in words.split():
						self.assertEqual(word in names, since <= release, word)

	def test_without_a_release_all_of_it_is_declared(self):
		self.assertEqual(declared(), declared(f"-DVMNET_API={RELEASES[-1]}"))

	def test_each_release_compiles_with_blocks_and_without(self):
		clang = "clang" in run(*CC, "--version")
		for release in RELEASES:
			for blocks in (["-fblocks"], []) if clang else ([],):
				run(*CC, *INCLUDES, "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wundef", *blocks,
					f"-DVMNET_API={release}", "-fsyntax-only", "-x", "c", "-", input="#include <vmnet/vmnet.h>\n")

	def test_values_are_the_frameworks(self):
		values = {"VMNET_HOST_MODE": 1000, "VMNET_SHARED_MODE": 1001, "VMNET_BRIDGED_MODE": 1002,
			"VMNET_INTERFACE_PACKETS_AVAILABLE": 1, "VMNET_SUCCESS": 1000, "VMNET_FAILURE": 1001,
			"VMNET_MEM_FAILURE": 1002, "VMNET_INVALID_ARGUMENT": 1003, "VMNET_SETUP_INCOMPLETE": 1004,
			"VMNET_INVALID_ACCESS": 1005, "VMNET_PACKET_TOO_BIG": 1006, "VMNET_BUFFER_EXHAUSTED": 1007,
			"VMNET_TOO_MANY_PACKETS": 1008, "VMNET_SHARING_SERVICE_BUSY": 1009, "VMNET_NOT_AUTHORIZED": 1010}
		lines = "".join(f'_Static_assert({name} == {value}, "{name}");\n' for name, value in values.items())
		run(*CC, *INCLUDES, "-fsyntax-only", "-x", "c", "-", input="#include <vmnet/vmnet.h>\n" + lines)


class Library(unittest.TestCase):
	def exported(self):
		lines = run("nm", "-D", "--defined-only", os.environ["VMNET_LIBRARY"]).splitlines()
		return {line.split()[2].split("@")[0] for line in lines} - {"VMNET_0"}

	def test_it_exports_what_the_header_declares_and_nothing_else(self):
		wanted = set(" ".join(SINCE.values()).split())
		wanted = {word for word in wanted if word.startswith("vmnet_") and not word.endswith("_t")}
		self.assertEqual(self.exported(), wanted)


class Installed(unittest.TestCase):
	"""meson install --destdir TREE -> pkg-config vmnet -> clang -> run"""

	def setUp(self):
		if "clang" not in run(*CC, "--version"):
			self.skipTest("programs for vmnet are blocks, which this compiler does not know; CC=clang does")
		self.tree = tempfile.TemporaryDirectory()
		self.addCleanup(self.tree.cleanup)
		run(os.environ["MESON"], "install", "-C", os.environ["BUILD"], "--no-rebuild", "--destdir", self.tree.name)

	def folder(self, name):
		for folder, _, files in os.walk(self.tree.name):
			if name in files:
				return folder
		raise AssertionError(f"{name} is not installed")

	def test_an_example_builds_against_it_and_runs(self):
		env = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": self.tree.name, "PKG_CONFIG_PATH": self.folder("vmnet.pc"),
			"LD_LIBRARY_PATH": self.folder("libvmnet.so")}
		flags = shlex.split(run("pkg-config", "--cflags", "--libs", "vmnet", env=env))
		self.assertIn("-fblocks", flags)
		sanitizer = os.environ["SANITIZE"]
		more = [] if sanitizer == "none" else [f"-fsanitize={sanitizer}"]
		program = os.path.join(self.tree.name, "talk")
		sources = [f"{SOURCE}/examples/vmnet/{name}.c" for name in ("talk", "vmnet_example")]
		run(*CC, *more, "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", *sources, *flags, "-o", program)
		done = subprocess.run([program, "1", "60", "1", "bridged=no-such-name"], env=env, text=True,
			stderr=subprocess.PIPE, timeout=60)
		self.assertEqual((done.returncode, done.stderr), (1, "start: 1003, invalid argument\n"))


if __name__ == "__main__":
	unittest.main()
