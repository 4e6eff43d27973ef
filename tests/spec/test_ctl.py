#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`outrigger ctl`: what it prints, what it refuses, and what it says when nobody is there."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

import fixture
import vfio_user_client as vu
from control_client import BROADCAST, MAC, ControlledTestCase, StreamGuest, frame

# Arguments behind PATH, what stderr holds; nothing is asked of the network.
BAD = (
    ((), "no command given"),
    (("reboot",), "reboot: unknown command"),
    (("status", "x"), "too many arguments; it is used as: outrigger ctl PATH status"),
    (("link", "nic0"), "an argument is missing; it is used as: outrigger ctl PATH link PORT up|down"),
    (("link", "nic0", "on"), "neither up nor down"),
    (("limits", "nic0", "10mbit"), "give it as rate=100mbit"),
    (("capture", "/x", "--port"), "its value is missing"),
    (("capture", "/x", "--count", "1"), "unknown option; there are --port"),
    (("capture", "/x", "--limit", "-1"), "--limit -1: not a number"),
    (("capture-stop", "x"), "no number of a capture"),
    (("reserve", "02:00:00:00:00:01"), "give MAC=ADDR"),
    (("add-port", "nic", "/x,fd"), "no KEY=VALUE"),
    # what the network says is wrong
    (("add-port", "tap", "/x"), "neither nic nor stream nor dgram"),
    (("add-port", "nic", "/x,speed=1"), 'unknown parameter "speed"'),
    (("add-forward", "x"), "PROTOCOL:HOST-GUEST:PORT"),
    (("limits", "nic0", "speed=1"), 'unknown parameter "speed"'),
)

# The same for what fails: exit status 1.
FAILING = (
    (("capture", "/x", "--port", "x"), "no port is called x"),
    (("capture-stop", "99"), "no capture has number 99"),
    (("remove-port", "x"), "no port is called x"),
    (("add-port", "nic", "/nowhere/x"), "directory does not exist"),
    (("remove-forward", "tcp:127.0.0.1:1-x:1"), "no such forward"),
)


class Ctl(ControlledTestCase):
    def run_ctl(self, *arguments, **more):
        return subprocess.run([fixture.executable(), "ctl", *arguments], capture_output=True, text=True,
                              timeout=vu.DEADLINE, check=False, **more)

    def ctl(self, *arguments, **more):
        """stdout of a command that goes well."""
        done = self.run_ctl(self.control_path, *arguments, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def rows(self, *arguments):
        """Of a table, by its heading."""
        heading, *lines = self.ctl(*arguments).splitlines()
        starts = [match.start() for match in re.finditer(r"(?<!\S)\S+(?: \S+)*", heading)]
        ends = starts[1:] + [None]
        titles = [heading[a:b].strip() for a, b in zip(starts, ends)]
        return [dict(zip(titles, (line[a:b].strip() for a, b in zip(starts, ends)))) for line in lines]

    def test_help_goes_to_stdout_and_names_every_command(self):
        done = self.run_ctl("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        commands = re.findall(r"^  ([a-z][a-z-]*)", done.stdout, re.M)
        self.assertGreater(len(commands), 10)
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 100, line)
        with open(os.path.join(fixture.HERE, "../../docs/outrigger-ctl.1"), encoding="utf-8") as page:
            manual = page.read()
        for command in commands:
            self.assertRegex(manual, rf"\bCm {command}\b")
            one = self.run_ctl("/nowhere", command, "--help")
            self.assertEqual((one.returncode, one.stderr), (0, ""))
            self.assertTrue(one.stdout.startswith(f"Usage: outrigger ctl [--json] PATH {command}"))

    def test_wrong_command_line_ends_with_2_and_says_what_would_be_right(self):
        for arguments, holds in BAD:
            done = self.run_ctl(self.control_path, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertTrue(done.stderr.startswith("outrigger: ctl: "), done.stderr)
            self.assertIn(holds, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for arguments, holds in (((), "no PATH given"), (("--yaml", "/x", "status"), "--yaml: unknown option")):
            done = self.run_ctl(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(holds, done.stderr)

    def test_what_the_network_refuses_ends_with_1(self):
        for arguments, holds in FAILING:
            done = self.run_ctl(self.control_path, *arguments)
            self.assertEqual((done.returncode, done.stdout), (1, ""), arguments)
            self.assertIn(holds, done.stderr)

    def test_nobody_there_is_told_with_what_to_do(self):
        dead = self.directory.join("dead")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(dead)
        self.addCleanup(os.unlink, dead)
        for path, holds in ((self.directory.join("none"), "is the network running, with --control"),
                            (dead, "start `outrigger net` again"), ("x" * 200, "longer than the path")):
            done = self.run_ctl(path, "status")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(holds, done.stderr)

    def test_socket_of_something_else_is_told(self):
        path = self.directory.join("other")
        self.addCleanup(os.unlink, path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            for line, holds in ((b"220 mail\n", "no control socket"), (b"{}\n", "no control socket"),
                                (b'{"outrigger":"9.0.0","protocol":2}\n', "protocol 2 and this program 1"),
                                (b"", "the network has ended")):
                process = fixture.Process(["ctl", path, "status"])
                self.addCleanup(process.kill)
                peer, _ = listener.accept()
                peer.sendall(line)
                peer.close()
                self.assertEqual(process.wait(), 1)
                self.assertIn(holds, process.stderr())

    def test_status_is_readable(self):
        out = self.ctl("status")
        for line in ("network     host", "addresses   192.168.77.1 to 192.168.77.99, mask 255.255.255.0",
                     "ports       1, 0 of them connected", "leases      0, 0 of 98 addresses in use"):
            self.assertIn(line + "\n", out)

    def test_json_is_the_answer_as_it_comes(self):
        done = self.run_ctl("--json", self.control_path, "ports")
        self.assertEqual(json.loads(done.stdout)["ports"][0]["name"], "nic0")

    def test_ports_come_and_go(self):
        self.assertEqual(self.ctl("add-port", "stream", "guests", cwd=self.directory.path), "")
        path = self.directory.join("guests")
        with socket.socket(socket.AF_UNIX) as guest:
            guest.connect(path)
            while [row["PORT"] for row in self.rows("ports")] != ["nic0", "guests"]:
                pass
            self.ctl("limits", "guests", "rate=8mbit")
            self.ctl("link", "guests", "down")
            row = self.rows("ports")[1]
            self.assertEqual((row["KIND"], row["MAC"], row["GUEST"], row["LINK"], row["LIMITS"]),
                             ("stream", "-", "yes", "down", "8.00Mbit from, 8.00Mbit to"))
            self.assertIn("guests.guests 1\n", self.ctl("counters"))
        self.ctl("remove-port", "guests")
        self.assertFalse(os.path.lexists(path))

    def test_port_that_is_inherited_is_handed_over(self):
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self.ctl("add-port", "stream", f"fd={theirs.fileno()},name=given", pass_fds=[theirs.fileno()])
            self.assertEqual([row["PORT"] for row in self.rows("ports")], ["nic0", "given"])
            self.ctl("remove-port", "given")

    def test_forwards_come_and_go(self):
        self.ctl("add-forward", "tcp:127.0.0.1:8080-web:80")
        self.assertEqual(self.rows("forwards"),
                         [{"FORWARD": "tcp:127.0.0.1:8080-web:80", "GUEST": "waits for its guest"}])
        self.ctl("remove-forward", "tcp:127.0.0.1:8080-web:80")
        self.assertEqual(self.rows("forwards"), [])

    def test_tables_without_rows_have_their_heading(self):
        self.assertEqual(self.ctl("leases"), "ADDRESS  MAC  NAME  EXPIRES  RESERVED\n")
        self.assertEqual(self.ctl("addresses"), "MAC  PORT  AGE\n")

    def guests(self):
        """Two, on a stream socket that is removed at the end."""
        path = self.directory.join("stream")
        self.ctl("add-port", "stream", path)
        self.addCleanup(self.ctl, "remove-port", "stream")
        guests = [StreamGuest(path), StreamGuest(path)]
        for guest in guests:
            self.addCleanup(guest.close)
        while len(self.rows("ports")) != 3:
            pass
        return guests

    def start_capture(self, *arguments, **more):
        """Once it is running."""
        process = subprocess.Popen([fixture.executable(), "ctl", self.control_path, "capture", *arguments],
                                   stderr=subprocess.PIPE, text=True, **more)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while not self.rows("captures"):
            self.assertIsNone(process.poll())
        return process

    def exchange(self, guests, n=1):
        for _ in range(n):
            guests[0].send(frame(BROADCAST, MAC))
            guests[1].receive_of(MAC)

    def test_capture_into_a_file_ends_cleanly_on_a_signal(self):
        guests = self.guests()
        path = self.directory.join("file.pcap")
        self.addCleanup(os.unlink, path)
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_capture(path, "--filter", "ether broadcast")
            self.exchange(guests, 3)
            process.send_signal(number)
            self.assertEqual(process.wait(vu.DEADLINE), 0)
            self.assertEqual(process.stderr.read(), "3 frames, 0 of them left out; 252 bytes; the end: it was stopped\n")
            self.assertEqual(os.stat(path).st_size, 252)
            self.assertEqual(self.rows("captures"), [])

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_tshark_reads_a_capture(self):
        guests = self.guests()
        path = self.directory.join("file.pcap")
        self.addCleanup(os.unlink, path)
        process = self.start_capture(path, "--limit", "200", "--port", "stream")
        self.exchange(guests, 3)
        self.assertEqual(process.wait(vu.DEADLINE), 0)
        self.assertIn("its size limit is reached", process.stderr.read())
        done = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "eth.src"], capture_output=True, text=True,
                              timeout=vu.DEADLINE, check=True)
        self.assertEqual(done.stdout, "02:00:00:00:00:01\n" * 2)

    @unittest.skipUnless(shutil.which("tcpdump"), "tcpdump is not installed")
    def test_capture_is_piped_into_tcpdump_and_ends_with_it(self):
        guests = self.guests()
        with subprocess.Popen(["tcpdump", "-c", "2", "-nr", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as tcpdump:
            process = self.start_capture("-", stdout=tcpdump.stdin)
            tcpdump.stdin.close()
            self.exchange(guests, 2)
            self.assertEqual(tcpdump.stdout.read().count("02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff"), 2)
        self.assertEqual(process.wait(vu.DEADLINE), 0)
        self.assertEqual(process.stderr.read(), "")
        while self.rows("captures"):
            pass

    def test_capture_is_stopped_by_another(self):
        path = self.directory.join("file.pcap")
        self.addCleanup(os.unlink, path)
        process = self.start_capture(path)
        self.ctl("capture-stop", self.rows("captures")[0]["NUMBER"])
        self.assertEqual(process.wait(vu.DEADLINE), 0)
        self.assertEqual(os.stat(path).st_size, 24)

    def test_capture_that_is_refused_leaves_the_file_alone(self):
        path = self.directory.join("file.pcap")
        self.addCleanup(os.unlink, path)
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        done = self.run_ctl(self.control_path, "capture", path, "--filter", "bogus (")
        self.assertEqual(done.returncode, 2)
        self.assertIn("pcap-filter", done.stderr)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        done = self.run_ctl(self.control_path, "capture", "/dev/full", "--limit", "200")
        self.assertEqual((done.returncode, done.stderr), (1, "outrigger: ctl: /dev/full: No space left on device\n"))

    def test_metrics_are_text_with_an_end(self):
        self.assertTrue(self.ctl("metrics").endswith("# EOF\n"))

    def test_stdout_that_is_full_is_a_failure(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([fixture.executable(), "ctl", self.control_path, "ports"], stdout=full,
                                  stderr=subprocess.PIPE, timeout=vu.DEADLINE, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, b"outrigger: ctl: standard output: No space left on device\n"))


if __name__ == "__main__":
    unittest.main()
