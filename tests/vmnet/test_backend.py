#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Networks that programs share: who finds, starts and ends them (src/vmnet/networks/backend.h)."""
import fcntl
import json
import os
import re
import select
import signal
import socket
import stat
import unittest

from backend_client import BUSY, BackendTestCase, vu

MAC = "02:00:00:00:00:01"
RANGE = "range=10.77.0.1,10.77.0.99,255.255.255.0"


class Sharing(BackendTestCase):
    def test_two_processes_share_one_network(self):
        one, two = self.tool(), self.tool()
        first = one.ask("open", "mode=shared")
        self.assert_opened(first)
        self.assertEqual(two.ask("open", "mode=shared"), first)
        self.assertEqual(one.ask("describe"), two.ask("describe"))
        self.assertEqual(len(self.networks()), 1)

    def test_another_mode_is_another_network(self):
        one, two = self.tool(), self.tool()
        self.assert_opened(one.ask("open", "mode=shared"))
        self.assert_opened(two.ask("open", "mode=host"))
        self.assertEqual(len(self.networks()), 2)

    def test_an_overlapping_range_of_another_mode_is_busy(self):
        one, two = self.tool(), self.tool()
        self.assert_opened(one.ask("open", "mode=shared", RANGE), "10.77.0.1")
        self.assert_refused(BUSY, "overlaps", two.ask("open", "mode=host", RANGE))

    def test_an_automatic_range_is_the_next_that_is_free(self):
        one, two = self.tool(), self.tool()
        start = one.ask("open", "mode=host").split()[1]
        one.ask("close")
        third = int(start.split(".")[2])
        self.assert_opened(one.ask("open", "mode=shared", f"range={start},192.168.{third}.9,255.255.255.0"))
        answer = two.ask("open", "mode=host")
        self.assert_opened(answer)
        self.assertNotEqual(answer.split()[1], start)

    def test_busy_is_over_when_the_other_network_ends(self):
        one, two = self.tool(), self.tool()
        for _ in range(5):
            self.assert_opened(one.ask("open", "mode=shared", RANGE))
            one.send("close")
            self.assert_opened(two.ask("open", "mode=host", RANGE))
            self.assertEqual(one.read(), "ok")
            two.send("close")
            self.assertEqual(two.read(), "ok")

    def test_eight_processes_that_start_at_once_get_one_network(self):
        tools = [self.tool() for _ in range(8)]
        for tool in tools:
            tool.send("open", "mode=shared")
        answers = {tool.read() for tool in tools}
        self.assertEqual(len(answers), 1, answers)
        self.assert_opened(answers.pop())
        self.assertEqual(len({tool.ask("describe") for tool in tools}), 1)
        self.assertEqual(len(self.networks()), 1)

    def test_opening_and_closing_at_once_never_fails(self):
        tools = [self.tool() for _ in range(4)]
        for tool in tools:
            tool.send("spin", "10")
        self.assertEqual([tool.read() for tool in tools], ["ok"] * 4)

    def test_a_network_is_handed_on_by_its_description(self):
        one, two, three = self.tool(), self.tool(), self.tool()
        first = one.ask("open", "mode=shared", "own", RANGE)
        name = one.ask("describe")
        self.assertEqual(two.ask("adopt", name), first)
        self.assert_refused(BUSY, "overlaps", three.ask("open", "mode=shared", RANGE))
        one.kill()
        self.assertEqual(two.ask("lost"), "no")

    def test_what_describes_no_network_is_refused(self):
        one = self.tool()
        for name in ("net-0000000000000000", "../x", "net-", "x" * 200):
            self.assertRegex(one.ask("adopt", name), "^100[13] ")

    def test_identifier_and_isolation(self):
        one, two, three = self.tool(), self.tool(), self.tool()
        first, second = "id=" + "11" * 16, "id=" + "22" * 16
        self.assertEqual(one.ask("open", "mode=host", first), "ok 0.0.0.0 0.0.0.0 0.0.0.0 1500")
        self.assert_opened(two.ask("open", "mode=host", first))
        self.assertEqual(one.ask("describe"), two.ask("describe"))
        self.assert_opened(three.ask("open", "mode=host", second, "exclusive"))
        self.assertNotEqual(one.ask("describe"), three.ask("describe"))
        two.ask("close")
        self.assert_refused(BUSY, "isolated", two.ask("open", "mode=host", second))

    def test_the_host_has_an_address_in_a_named_network_if_asked_for(self):
        one = self.tool()
        answer = one.ask("open", "mode=host", "id=" + "33" * 16, "host=10.88.0.5,255.255.255.0")
        self.assert_opened(answer, "10.88.0.5")


class Ports(BackendTestCase):
    def test_a_port_goes_with_its_socket(self):
        one = self.tool()
        one.ask("open", "mode=host")
        self.assertEqual(one.ask("plug", MAC), "ok")
        self.assertEqual(one.ask("plugged"), "yes")
        self.assertEqual(one.ask("unplug"), "ok")
        self.assertEqual(one.ask("plug", MAC), "ok", "its MAC is free again")

    def test_a_mac_is_unique_in_a_network(self):
        one, two = self.tool(), self.tool()
        one.ask("open", "mode=host")
        two.ask("open", "mode=host")
        self.assertEqual(one.ask("plug", MAC), "ok")
        self.assert_refused(BUSY, "", two.ask("plug", MAC))
        one.kill()
        self.assertEqual(two.ask("plug", MAC), "ok", "a killed program leaves no port behind")

    def test_forwards_come_and_go(self):
        one = self.tool()
        one.ask("open", "mode=shared", RANGE)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.assertEqual(one.ask("forward", f"tcp,{port},10.77.0.5,80"), "ok")
        self.assert_refused(BUSY, "", one.ask("forward", f"tcp,{port},10.77.0.6,80"))
        self.assertEqual(one.ask("unforward", f"tcp,{port},10.77.0.5,80"), "ok")
        self.assert_refused(1003, "no such forward", one.ask("unforward", f"tcp,{port},10.77.0.5,80"))

    def test_forwards_and_reservations_of_a_network_object_are_there_from_the_start(self):
        one = self.tool()
        self.assert_opened(one.ask("open", "mode=shared", "own", RANGE, f"reserve={MAC},10.77.0.7"))
        self.assert_refused(1003, "10.78.0.7", self.tool().ask(
            "open", "mode=shared", "own", "range=10.79.0.1,10.79.0.9,255.255.255.0", f"reserve={MAC},10.78.0.7"))


class Ends(BackendTestCase):
    def test_a_network_ends_with_its_last_holder(self):
        one, two = self.tool(), self.tool()
        one.ask("open", "mode=shared")
        two.ask("open", "mode=shared")
        one.ask("close")
        self.assertEqual(len(self.networks()), 1)
        self.assertEqual(two.ask("lost"), "no")
        two.ask("close")
        self.assert_all_gone()

    def test_a_network_ends_when_its_holder_is_killed_and_leaves_nothing(self):
        one = self.tool()
        one.ask("open", "mode=shared")
        one.ask("plug", MAC)
        one.kill()
        self.assert_all_gone()
        two = self.tool()
        two.ask("open", "mode=shared")
        self.assertEqual(self.nets(), [two.ask("describe")], "what the first one left is removed")

    def test_a_killed_network_is_lost_and_the_next_one_is_fresh(self):
        one = self.tool()
        one.ask("open", "mode=shared")
        one.ask("plug", MAC)
        name = one.ask("describe")
        os.kill(self.networks()[name], signal.SIGKILL)
        vu.wait_until(lambda: one.ask("lost") == "yes", "it is lost")
        self.assertEqual(one.ask("plugged"), "no")
        self.assert_refused(1001, "has ended", one.ask("plug", "02:00:00:00:00:02"))
        two = self.tool()
        self.assert_opened(two.ask("open", "mode=shared"))
        self.assertNotEqual(two.ask("describe"), name)

    def test_a_network_that_does_not_answer_is_given_up_and_holds_nobody_up_for_ever(self):
        one, two = self.tool(), self.tool()
        one.ask("open", "mode=shared")
        (pid,) = self.networks().values()
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assert_refused(1001, "timed out", two.ask("open", "mode=shared"))
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assert_opened(two.ask("open", "mode=shared"))

    def test_ctrl_c_of_the_program_is_not_for_the_network(self):
        one, two = self.tool(), self.tool()
        one.ask("open", "mode=shared")
        two.ask("open", "mode=shared")
        (pid,) = self.networks().values()
        self.assertEqual(os.getsid(pid), os.getpgid(pid))
        self.assertNotEqual(os.getsid(pid), os.getsid(one.pid))
        self.assertNotEqual(os.getsid(pid), os.getsid(os.getpid()))

    def test_the_network_is_no_child_of_the_program(self):
        one = self.tool()
        one.ask("open", "mode=shared")
        with open(f"/proc/{one.pid}/task/{one.pid}/children", encoding="ascii") as file:
            self.assertEqual(file.read(), "")

    def test_neither_side_gets_descriptors_of_the_other(self):
        one = self.tool()
        before = int(one.ask("fds"))
        one.ask("open", "mode=shared")
        (pid,) = self.networks().values()
        stdout = os.stat(f"/proc/{one.pid}/fd/1").st_ino
        self.assertNotIn(stdout, [os.stat(f"/proc/{pid}/fd/{fd}").st_ino for fd in os.listdir(f"/proc/{pid}/fd")])
        one.ask("plug", MAC)
        self.assertEqual(int(one.ask("fds")), before + 2)
        one.ask("unplug")
        one.ask("close")
        one.ask("open", "mode=host", "range=10.1.0.1,10.1.0.9,255.0.255.0")
        one.ask("spin", "3")
        self.assertEqual(int(one.ask("fds")), before)

    def test_the_network_is_not_the_service_that_the_program_is(self):
        one = self.tool(NOTIFY_SOCKET="/nowhere", LISTEN_FDS="7", LISTEN_PID="1", OUTRIGGER_KEPT="x")
        self.assert_opened(one.ask("open", "mode=shared"))
        (pid,) = self.networks().values()
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
        self.assertIn(b"OUTRIGGER_KEPT=x", environment)
        self.assertNotRegex(environment, rb"NOTIFY_SOCKET|LISTEN_")


class Registry(BackendTestCase):
    def make_net(self, record=None, listen=False):
        name = "net-00000000000000aa"
        path = os.path.join(self.registry, name)
        os.makedirs(path, mode=0o700)
        if record is not None:
            with open(os.path.join(path, "record"), "wb") as file:
                file.write(record)
        if listen:
            listener = socket.socket(socket.AF_UNIX)
            self.addCleanup(listener.close)
            listener.bind(os.path.join(path, "control"))
            listener.listen()
            return listener
        return path

    def setUp(self):
        super().setUp()
        os.mkdir(self.registry, 0o700)

    def test_it_is_the_users_alone(self):
        os.rmdir(self.registry)
        self.tool().ask("open", "mode=shared")
        self.assertEqual(stat.S_IMODE(os.stat(self.registry).st_mode), 0o700)
        for name in self.nets():
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.registry, name)).st_mode), 0o700)

    def test_its_name_may_be_any(self):
        self.registry = self.directory.join("a, b=c")
        self.env["OUTRIGGER_VMNET_DIR"] = self.registry
        one, two = self.tool(), self.tool()
        self.assert_opened(one.ask("open", "mode=shared"))
        self.assert_opened(two.ask("open", "mode=shared"))
        self.assertEqual(one.ask("describe"), two.ask("describe"))

    def test_one_whose_name_is_too_long_for_sockets_is_refused(self):
        self.registry = self.directory.join("x" * 100)
        self.env["OUTRIGGER_VMNET_DIR"] = self.registry
        self.assert_refused(1001, "too long for sockets", self.tool().ask("open", "mode=shared"))
        longest = self.directory.join("")
        self.env["OUTRIGGER_VMNET_DIR"] = self.registry = longest + "x" * (107 - len("/net-0123456789abcdef/control") - len(longest))
        self.assert_opened(self.tool().ask("open", "mode=shared"))

    def test_one_that_others_can_write_to_is_refused(self):
        os.chmod(self.registry, 0o777)
        self.assert_refused(1005, "others can write", self.tool().ask("open", "mode=shared"))

    def test_one_behind_a_link_is_refused(self):
        os.rename(self.registry, self.registry + "2")
        os.symlink(self.registry + "2", self.registry)
        self.assert_refused(1001, self.registry, self.tool().ask("open", "mode=shared"))

    def test_what_is_left_of_a_network_is_removed(self):
        self.make_net(b"{}")
        one = self.tool()
        self.assert_opened(one.ask("open", "mode=shared"))
        self.assertEqual(self.nets(), [one.ask("describe")])

    def test_what_is_not_of_its_form_is_left_alone(self):
        path = self.make_net(b"{}")
        kept = [os.path.join(path, "photo"), os.path.join(self.registry, "net-x"), os.path.join(self.registry, "photo")]
        for name in kept:
            with open(name, "w", encoding="ascii"):
                pass
        self.assert_opened(self.tool().ask("open", "mode=shared"))
        self.assertEqual([os.path.exists(name) for name in kept], [True] * 3)

    def test_a_record_that_is_none_is_passed_over(self):
        good = {"version": 1, "mode": 1001, "exclusive": False, "own": False, "range_given": False,
                "range": ["192.168.64.1", "192.168.64.254", "255.255.255.0"]}
        bad = [b"", b"{", b"[]", b"\0" * 100, b"x" * 100000, b"[" * 4000]
        for key, value in (("version", 2), ("version", None), ("mode", 1003), ("mode", 999), ("mode", -1), ("mtu", 70000),
                           ("mtu", -1), ("own", 1), ("range", []), ("range", ["1.2.3.4"] * 4), ("range", [1, 2, 3]),
                           ("range", ["10.0.0.1", "10.0.0.9", "255.0.255.0"]), ("range", ["10.0.0.1", "10.0.0.9", "0.0.0.0"]),
                           ("identifier", "xx" * 16), ("identifier", "11" * 17), ("prefix", "::g"), ("ifname", "x" * 16),
                           ("ifname", 5)):
            bad.append(json.dumps({**good, key: value}).encode())
        self.make_net(json.dumps(good).encode(), listen=True)
        record = os.path.join(self.registry, "net-00000000000000aa", "record")
        for text in bad:
            with open(record, "wb") as file:
                file.write(text)
            one = self.tool()
            self.assert_opened(one.ask("open", "mode=host", "range=192.168.64.1,192.168.64.9,255.255.255.0"))
            one.kill()
        os.unlink(record)
        os.mkfifo(record)
        self.assert_opened(self.tool().ask("open", "mode=host", "range=192.168.64.1,192.168.64.9,255.255.255.0"))

    def test_a_record_that_is_good_counts(self):
        self.make_net(json.dumps({"version": 1, "mode": 1001, "exclusive": False, "own": False, "range_given": False,
                                  "range": ["192.168.64.1", "192.168.64.254", "255.255.255.0"]}).encode(), listen=True)
        self.assert_refused(BUSY, "overlaps", self.tool().ask(
            "open", "mode=host", "range=192.168.64.1,192.168.64.9,255.255.255.0"))

    def test_a_network_that_speaks_something_else_is_no_network(self):
        listener = self.make_net(json.dumps({"version": 1, "mode": 1001, "exclusive": False, "own": False,
                                             "range_given": False}).encode(), listen=True)
        for greeting, holds in ((b"hello\n", "Protocol error"), (b"{}\n", "another protocol"),
                                (b'{"outrigger":"9","protocol":2}\n', "another protocol"),
                                (b'{"error":{"code":"busy","message":"64 clients"}}\n', "64 clients")):
            one = self.tool()
            one.send("open", "mode=shared")
            for _ in range(2):    # is it alive, then to join it
                peer, _ = listener.accept()
                try:
                    peer.sendall(greeting)
                except OSError:
                    pass
                peer.close()
            answer = one.read()
            self.assertRegex(answer, "^10")
            self.assertIn(holds, answer)

    def test_a_network_that_lies_about_itself_is_no_network(self):
        listener = self.make_net(json.dumps({"version": 1, "mode": 1001, "exclusive": False, "own": False,
                                             "range_given": False}).encode(), listen=True)
        good = {"gateway": "10.0.0.1", "end_address": "10.0.0.9", "subnet_mask": "255.255.255.0", "mtu": 1500}

        def status(**other):
            return json.dumps({"id": 1, "result": {**good, **other}}).encode() + b"\n"

        lies = [(status(mtu=other), "does not say what it is") for other in (67, 65536, -1, None, "1500", 1500.5, 2 ** 80)]
        lies += [(status(**{key: other}), "does not say what it is") for key in ("end_address", "subnet_mask")
                 for other in ("x", 5, None, "1.2.3.4.5")]
        lies += [(b'{"id":1,"result":[]}\n', "protocol"), (b'{"id":1}\n', "protocol"), (b'{"id":1,"error":5}\n', "protocol"),
                 (b'{"id":1,"error":{"code":"permission","message":"no, not you"}}\n', "no, not you"),
                 (b'{"id":1,"error":{}}\n', ""), (b"[]\n", "Protocol error"), (b"\n", "Protocol error"),
                 (b"x" * (9 << 20), "Protocol error"), (b"[" * 5000 + b"\n", "Protocol error")]
        for answer, holds in lies:
            one = self.tool()
            one.send("open", "mode=shared")
            listener.accept()[0].close()    # is it alive?
            with listener.accept()[0] as peer:
                peer.sendall(b'{"outrigger":"0.1.0","protocol":1}\n{"event":"x","params":{}}\n')
                request = json.loads(peer.makefile("rb").readline())
                self.assertEqual(request["method"], "status")
                try:
                    peer.sendall(b'{"event":"y","params":{}}\n' + answer)
                except OSError:
                    pass    # it has seen enough
                said = one.read()
            self.assertRegex(said, "^10", answer[:60])
            self.assertIn(holds, said, answer[:60])
            self.assertEqual(one.end(), 0)

    def test_a_network_that_is_ending_is_waited_for(self):
        path = self.make_net(json.dumps({"version": 1, "mode": 1001, "exclusive": False, "own": False, "range_given": True,
                                         "range": ["10.77.0.1", "10.77.0.99", "255.255.255.0"]}).encode())
        with open(os.path.join(path, "alive"), "wb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            apart, same, other = self.tool(), self.tool(), self.tool()
            self.assert_opened(apart.ask("open", "mode=shared", RANGE.replace("10.77", "10.78")))
            same.send("open", "mode=shared", RANGE)
            self.assertEqual(select.select([same.process.stdout], [], [], 0.5)[0], [], "it waits")
        self.assert_opened(same.read())
        self.assert_refused(BUSY, "overlaps", other.ask("open", "mode=host", RANGE))
        self.assertFalse(os.path.exists(path))

    def test_a_network_that_hangs_up_again_and_again_is_given_up(self):
        listener = self.make_net(json.dumps({"version": 1, "mode": 1001, "exclusive": False, "own": False,
                                             "range_given": False}).encode(), listen=True)
        one = self.tool()
        one.send("open", "mode=shared")
        listener.settimeout(0.1)
        while not select.select([one.process.stdout], [], [], 0)[0]:
            try:
                listener.accept()[0].close()
            except TimeoutError:
                pass
        self.assertRegex(one.read(), "^1001 ")


class Programs(BackendTestCase):
    def test_a_program_that_ignores_the_end_of_children_starts_networks_as_others_do(self):
        one = self.tool(popen={"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)})
        self.assert_opened(one.ask("open", "mode=shared"))
        (pid,) = self.networks().values()
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            ignored = int(re.search(r"SigIgn:\s*(\w+)", file.read()).group(1), 16)
        self.assertFalse(ignored & 1 << (signal.SIGCHLD - 1), "the network has signals of its own")
        one.ask("close")
        self.assert_refused(1001, "ended", self.tool(
            OUTRIGGER_PROGRAM="/bin/false", popen={"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}).ask(
                "open", "mode=shared"))

    def test_a_program_without_stdin_and_stderr_starts_networks_as_others_do(self):
        one = self.tool(popen={"preexec_fn": lambda: os.close(2)})
        self.assert_opened(one.ask("open", "mode=shared"))
        self.assertEqual(one.ask("plug", MAC), "ok")

    def test_a_program_that_is_not_there_is_named(self):
        answer = self.tool(OUTRIGGER_PROGRAM="/nowhere/outrigger").ask("open", "mode=shared")
        self.assert_refused(1001, "/nowhere/outrigger: cannot be started", answer)
        self.assertIn("OUTRIGGER_PROGRAM", answer)
        self.assertEqual(self.nets(), [])

    def test_a_program_that_is_something_else_is_no_network(self):
        for program in ("/bin/true", "/bin/false"):
            self.assert_refused(1001, "", self.tool(OUTRIGGER_PROGRAM=program).ask("open", "mode=shared"))
        self.assertEqual(self.nets(), [])

    def test_what_the_network_says_is_the_reason(self):
        answer = self.tool().ask("open", "mode=shared", "range=8.8.8.1,8.8.8.9,255.255.255.0")
        self.assert_refused(1003, "--start-address", answer)
        self.assertEqual(self.nets(), [])

    def test_no_bridge_without_its_interface(self):
        answer = self.tool().ask("open", "mode=bridged", "ifname=rig-nowhere")
        self.assertTrue(re.match("1001 .", answer), answer)
        self.assertEqual(self.nets(), [])


if __name__ == "__main__":
    unittest.main()
