# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user: the life of a connection (checklist rules 101 to 104; 105 is in test_sockets.py)."""
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vfio_user_client as vu
import virtio_guest as vg
from fixture import ServedTestCase

ATTACH = vu.SET_EVENTFD | vu.SET_TRIGGER
MIB = 1 << 20


class Disconnect(ServedTestCase):
    """101: whenever a client leaves, what it gave is released, what the device is stays."""

    def assert_all_released(self):
        # One after the other: whoever is served was accepted after those that are to be released.
        with vu.connect_when_free(self.path()) as client:
            client.round_trip()
        self.wait_fds_back()
        self.assertFalse(self.server.holds("memfd:guest"))

    def cut_everywhere(self, whole, fds=(), handshake=True, step=1):
        """Send the message up to each byte, then leave without a word."""
        guest = self.memfd(MIB)
        irq = self.eventfd()
        for cut in range(0, len(whole) + 1, step):
            client = vu.connect_when_free(self.path()) if handshake else vu.Client(self.path(), handshake=False)
            with client:
                if handshake and cut % 8 == 0:
                    client.dma_map(1 << 40, MIB, guest)
                    client.set_irqs(vu.IRQ_MSIX, ATTACH, 0, 1, fds=[irq])
                if cut:
                    client.send_raw(whole[:cut], fds)
                if cut % 2:
                    client.wait_consumed()
            self.assert_all_released()

    def test_101_in_the_middle_of_version(self):
        self.cut_everywhere(vu.message(vu.VERSION, vu.version_payload({"max_msg_fds": 8})), handshake=False)

    def test_101_in_the_middle_of_version_with_fds(self):
        self.cut_everywhere(vu.message(vu.VERSION, vu.version_payload({})), [self.memfd(4096)] * 4,
                            handshake=False, step=5)

    def test_101_in_the_middle_of_dma_map(self):
        self.cut_everywhere(vu.message(vu.DMA_MAP, vu.dma_map_payload(0, MIB)), [self.memfd(MIB)])

    def test_101_in_the_middle_of_dma_unmap(self):
        self.cut_everywhere(vu.message(vu.DMA_UNMAP, vu.dma_unmap_payload(1 << 40, MIB)))

    def test_101_in_the_middle_of_set_irqs(self):
        self.cut_everywhere(vu.message(vu.DEVICE_SET_IRQS, vu.set_irqs_payload(vu.IRQ_MSIX, ATTACH, 0, 2)),
                            [self.memfd(4096), self.memfd(4096)])

    def test_101_in_the_middle_of_a_region_write(self):
        with vu.connect_when_free(self.path()) as client:
            payload = vg.Scratch(client).payload(3)
        self.wait_fds_back()
        self.cut_everywhere(vu.message(vu.REGION_WRITE, payload), [self.memfd(4096)])

    def test_101_in_the_middle_of_a_large_write(self):
        self.cut_everywhere(vu.message(vu.REGION_WRITE, vu.region_write_payload(0, 0, bytes(200000))), step=25000)

    def test_101_in_the_middle_of_write_multi(self):
        with vu.connect_when_free(self.path()) as client:
            scratch = vg.Scratch(client)
        self.wait_fds_back()
        self.cut_everywhere(vu.message(vu.REGION_WRITE_MULTI, vu.write_multi_payload(
            [(scratch.region, scratch.offset, bytes(4))] * 3)))

    def test_101_in_the_middle_of_other_commands(self):
        for command, payload in ((vu.DEVICE_GET_INFO, vu.get_info_payload()), (vu.DEVICE_RESET, b""),
                                 (vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 256)),
                                 (vu.DEVICE_FEATURE, vu.feature_payload(vu.FEATURE_GET | 2, bytes(8)))):
            self.cut_everywhere(vu.message(command, payload), step=3)

    def test_101_with_replies_unread(self):
        guest = self.memfd(MIB)
        for n in (1, 10, 1000):
            with vu.connect_when_free(self.path()) as client:
                client.dma_map(0, MIB, guest)
                for _ in range(n):
                    client.send_some(vu.message(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 256)))
            self.assert_all_released()

    def test_101_without_a_byte(self):
        for _ in range(20):
            vu.Client(self.path(), handshake=False).close()
        self.assert_all_released()

    def test_101_device_state_is_kept(self):
        with vu.connect_when_free(self.path()) as client:
            client.reset()
            vg.Scratch(client).set(0x1234)
            client.region_write(vu.REGION_CONFIG, vg.PCI_COMMAND, struct.pack("<H", vg.COMMAND_MASTER))
        with vu.connect_when_free(self.path()) as client:
            self.assertEqual(vg.Scratch(client).get(), 0x1234)
            self.assertEqual(client.region_read(vu.REGION_CONFIG, vg.PCI_COMMAND, 1)[0], vg.COMMAND_MASTER)

    def test_101_maps_are_gone(self):
        with vu.connect_when_free(self.path()) as client:
            client.dma_map(0, MIB)
            client.dma_map(MIB, MIB, self.memfd(MIB))
        with vu.connect_when_free(self.path()) as client:
            self.assertFalse(self.server.holds("memfd:guest"))
            for address in (0, MIB):
                client.refused(vu.DMA_UNMAP, vu.dma_unmap_payload(address, MIB))
                client.dma_map(address, MIB)

    def test_101_irqs_are_gone(self):
        event = self.eventfd()
        with vu.connect_when_free(self.path()) as client:
            client.set_irqs(vu.IRQ_MSIX, ATTACH, 0, 1, fds=[event])
        with vu.connect_when_free(self.path()) as client:
            client.set_irqs(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, 0, 1)
            self.assertEqual(vu.count_of(event), 0)


class Reconnect(ServedTestCase):
    def test_102_reconnect_with_everything_anew(self):
        guest = self.memfd(MIB)
        event = self.eventfd()
        for _ in range(20):
            with vu.connect_when_free(self.path()) as client:
                client.dma_map(0, MIB, guest)
                client.set_irqs(vu.IRQ_MSIX, ATTACH, 0, 1, fds=[event])
                client.set_irqs(vu.IRQ_MSIX, vu.SET_NONE | vu.SET_TRIGGER, 0, 1)
                self.assertEqual(vu.wait_event(event, "the vector"), 1)

    def test_102_reconnect_at_once(self):
        # Who hangs up first and then connects is not a second client.
        for _ in range(50):
            with vu.Client(self.path()) as client:
                client.round_trip()

    def test_102_stale_replies_never_appear(self):
        for _ in range(20):
            with vu.connect_when_free(self.path()) as client:
                for i in range(50):
                    client.send(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 256), msg_id=i)
            # Its handshake fails on anything but the reply to its own VERSION.
            with vu.connect_when_free(self.path()) as client:
                client.round_trip()

    def nic(self, index, memory):
        client = vu.connect_when_free(self.path(index))
        self.addCleanup(client.close)
        memory.map_into(client)
        nic = vg.Nic(client, memory)
        self.addCleanup(nic.close)
        return nic

    def memory(self):
        memory = vg.Memory()
        self.addCleanup(memory.close)
        return memory

    def test_102_client_of_a_running_device_dies_and_the_next_starts_over(self):
        # As when QEMU is killed and started again. Frames come in meanwhile.
        memory = self.memory()
        other = self.nic(1, self.memory())
        other.start()
        for i in range(3):
            nic = self.nic(0, memory)
            nic.start(vg.EVERYTHING)
            nic.transmit(vg.numbered_frame(vg.BROADCAST, nic.mac(), i))
            other.receive(lambda frame: vg.is_numbered(frame, i))
            nic.client.close()
            for j in range(100, 110):
                other.transmit(vg.numbered_frame(vg.BROADCAST, other.mac(), j))

    def test_102_running_device_keeps_its_state_or_asks_for_a_reset(self):
        # A client that brings back maps and interrupts finds the rings where they were. A device that does not
        # trust ring positions across clients may say DEVICE_NEEDS_RESET, but must not forget or corrupt anything.
        memory = self.memory()
        other = self.nic(1, self.memory())
        other.start()
        nic = self.nic(0, memory)
        nic.start()
        nic.transmit(vg.numbered_frame(vg.BROADCAST, nic.mac(), 1))
        other.receive(lambda frame: vg.is_numbered(frame, 1))
        nic.client.close()
        other.transmit(vg.numbered_frame(vg.BROADCAST, other.mac(), 2))
        nic.client = vu.connect_when_free(self.path(0))
        self.addCleanup(nic.client.close)
        memory.map_into(nic.client)
        nic.attach_interrupts()
        status = nic.status()
        self.assertEqual(status & ~vg.NEEDS_RESET, vg.ACKNOWLEDGE | vg.DRIVER | vg.FEATURES_OK | vg.DRIVER_OK)
        for queue in nic.queues.values():
            nic.set(vg.QUEUE_SELECT, queue.index)
            self.assertEqual((nic.get(vg.QUEUE_SIZE), nic.get(vg.QUEUE_MSIX_VECTOR), nic.get(vg.QUEUE_ENABLE)),
                             (queue.size, 1 + queue.index, 1))
        if status & vg.NEEDS_RESET:
            nic.queues[vg.TX].kick()
            nic.client.round_trip()
            nic.start()
        nic.transmit(vg.numbered_frame(vg.BROADCAST, nic.mac(), 3))
        other.receive(lambda frame: vg.is_numbered(frame, 3))


class Together(ServedTestCase):
    def assert_turned_away(self, second):
        """An error reply to VERSION, the end, or both."""
        try:
            second.send(vu.VERSION, vu.version_payload({}), msg_id=1)
            reply = second.receive_reply(vu.VERSION, 1)
            self.assertTrue(reply.is_error, reply)
            second.wait_closed()
        except vu.PeerClosed:
            pass

    def test_103_second_client_is_turned_away_and_the_first_undisturbed(self):
        first = self.connect()
        vg.Scratch(first).set(5)
        for _ in range(5):
            with vu.Client(self.path(), handshake=False) as second:
                self.assert_turned_away(second)
            self.assertEqual(vg.Scratch(first).get(), 5)

    def test_103_second_client_is_told_ebusy(self):
        self.connect()
        with vu.Client(self.path(), handshake=False) as second:
            self.assertEqual(second.refused(vu.VERSION, vu.version_payload({})), 16)
            second.wait_closed()

    def test_103_second_client_with_fds_and_rubbish(self):
        first = self.connect()
        marked = self.memfd(4096, "second")
        for data in (b"\0" * 16, b"\xff" * 64, vu.message(vu.DEVICE_RESET), vu.message(vu.DMA_MAP, bytes(32)),
                     vu.message(vu.VERSION, b"\0\0\0\0{")):
            with vu.Client(self.path(), handshake=False) as second:
                try:
                    second.send_raw(data, [marked])
                    self.assertTrue(second.receive().is_error)
                except vu.PeerClosed:
                    pass
            first.round_trip()
        vu.wait_until(lambda: not self.server.holds("memfd:second"), "the fds closed")

    def test_103_second_client_that_says_nothing(self):
        first = self.connect()
        silent = [vu.Client(self.path(), handshake=False) for _ in range(3)]
        for _ in range(10):
            first.round_trip()
        for second in silent:
            second.close()

    def test_103_many_more_clients_do_not_exhaust_the_server(self):
        first = self.connect()
        before = len(self.server.fds())
        crowd = []
        try:
            for _ in range(60):
                second = vu.Client(self.path(), handshake=False, deadline_s=0.2)
                crowd.append(second)
                try:
                    second.send_raw(vu.message(vu.VERSION, vu.version_payload({})))
                except (vu.PeerClosed, vu.Late):
                    pass
                first.round_trip()
                self.assertLess(len(self.server.fds()), before + 40)
        except vu.Late:
            pass  # the queue of connections that were not accepted is full: defined as well
        finally:
            for second in crowd:
                second.close()
        first.round_trip()

    def test_103_place_is_free_once_the_first_is_gone(self):
        first = self.connect()
        with vu.Client(self.path(), handshake=False) as second:
            self.assert_turned_away(second)
        first.close()
        with vu.connect_when_free(self.path()) as third:
            third.round_trip()

    def test_103_silent_first_connection_does_not_crash_the_next(self):
        # Who has connected but said nothing may hold the place; the next one has a defined outcome.
        silent = vu.Client(self.path(), handshake=False)
        self.addCleanup(silent.close)
        with vu.Client(self.path(), handshake=False) as second:
            try:
                second.send(vu.VERSION, vu.version_payload({}), msg_id=1)
                second.receive_reply(vu.VERSION, 1)
            except vu.PeerClosed:
                pass
        with vu.connect_when_free(self.path(1)) as other:
            other.round_trip()


class Unread(ServedTestCase):
    def fill(self, client, limit):
        """Requests with large replies until the server takes no more: how many whole ones, and the rest of the last."""
        request = vu.message(vu.REGION_READ, vu.region_read_payload(vu.REGION_CONFIG, 0, 256), msg_id=1)
        sent = 0
        refused_in_a_row = 0
        stream = request * 1000
        while sent < limit * len(request) and refused_in_a_row < 3:
            at = sent % len(request)
            n = client.send_some(stream[at:])
            sent += n
            if n:
                refused_in_a_row = 0
            else:
                # Full: is that for good? The other NIC's answer gives the server time to read on.
                refused_in_a_row += 1
                for _ in range(5):
                    self.other.round_trip()
        rest = -sent % len(request)
        return sent // len(request), request[len(request) - rest:] if rest else b""

    def test_104_peer_that_never_reads(self):
        client = self.connect(0)
        self.other = self.connect(1)
        before = self.server.status_kib("VmRSS")
        limit = 200000
        n, rest = self.fill(client, limit)
        self.assertLess(n, limit, "the server went on reading from a peer that does not read")
        self.assertLess(self.server.status_kib("VmRSS"), before + 32 * 1024)
        self.other.round_trip()
        # Now read: every reply is there, in order, none lost.
        expected = 16 + 16 + 256
        for _ in range(n):
            reply = client.receive_reply(vu.REGION_READ, 1)
            self.assertEqual(reply.size, expected)
        if rest:
            client.send_raw(rest)
            self.assertEqual(client.receive_reply(vu.REGION_READ, 1).size, expected)
        client.round_trip()

    def test_104_peer_that_never_reads_and_leaves(self):
        self.other = self.connect(1)
        for _ in range(3):
            with vu.connect_when_free(self.path(0)) as client:
                self.fill(client, 200000)
            self.other.round_trip()


if __name__ == "__main__":
    unittest.main()
