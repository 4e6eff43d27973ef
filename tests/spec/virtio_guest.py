# SPDX-License-Identifier: BSD-3-Clause
"""A guest inside the test: virtio-net's driver side over vfio-user, by hand.

Guest memory is a memfd that is mapped into the device; rings are bytes in it, which a test can make as wrong as
it likes. Written from the virtio 1.x specification (PCI transport, split rings, network device).

    memory = Memory()
    nic = Nic(client, memory)       # finds the capabilities
    nic.start()                     # features, rings, MSI-X, receive buffers, DRIVER_OK
    nic.transmit(frame)
    nic.receive(lambda frame: ...)

The MSI-X table is never touched: a VMM keeps it to itself.
"""
import mmap
import os
import struct
import time

import vfio_user_client as vu

# PCI.
PCI_COMMAND = 0x04
PCI_STATUS = 0x06
PCI_BAR0 = 0x10
PCI_CAPABILITIES = 0x34
COMMAND_MEMORY = 1 << 1
COMMAND_MASTER = 1 << 2
COMMAND_INTX_DISABLE = 1 << 10
STATUS_CAPABILITIES = 1 << 4
CAP_VENDOR = 0x09
CAP_EXPRESS = 0x10
CAP_MSIX = 0x11

# virtio over PCI.
VIRTIO_COMMON = 1
VIRTIO_NOTIFY = 2
VIRTIO_ISR = 3
VIRTIO_DEVICE = 4
VIRTIO_PCI_CFG = 5

# struct virtio_pci_common_cfg: offset, size.
DEVICE_FEATURE_SELECT = 0x00, 4
DEVICE_FEATURE = 0x04, 4
DRIVER_FEATURE_SELECT = 0x08, 4
DRIVER_FEATURE = 0x0c, 4
CONFIG_MSIX_VECTOR = 0x10, 2
NUM_QUEUES = 0x12, 2
DEVICE_STATUS = 0x14, 1
CONFIG_GENERATION = 0x15, 1
QUEUE_SELECT = 0x16, 2
QUEUE_SIZE = 0x18, 2
QUEUE_MSIX_VECTOR = 0x1a, 2
QUEUE_ENABLE = 0x1c, 2
QUEUE_NOTIFY_OFF = 0x1e, 2
QUEUE_DESC = 0x20, 8
QUEUE_DRIVER = 0x28, 8
QUEUE_DEVICE = 0x30, 8
NO_VECTOR = 0xffff

ACKNOWLEDGE = 1
DRIVER = 2
DRIVER_OK = 4
FEATURES_OK = 8
NEEDS_RESET = 64
FAILED = 128

# Features.
NET_F_MTU = 1 << 3
NET_F_MAC = 1 << 5
NET_F_MRG_RXBUF = 1 << 15
NET_F_STATUS = 1 << 16
NET_F_CTRL_VQ = 1 << 17
NET_F_CTRL_RX = 1 << 18
NET_F_CTRL_VLAN = 1 << 19
NET_F_GUEST_ANNOUNCE = 1 << 21
NET_F_CTRL_MAC_ADDR = 1 << 23
F_INDIRECT_DESC = 1 << 28
F_EVENT_IDX = 1 << 29
F_VERSION_1 = 1 << 32

PLAIN = F_VERSION_1 | NET_F_MAC | NET_F_STATUS
EVERYTHING = (PLAIN | NET_F_MTU | NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_VLAN |
              NET_F_GUEST_ANNOUNCE | NET_F_CTRL_MAC_ADDR | F_INDIRECT_DESC | F_EVENT_IDX)

PLAIN_RINGS = PLAIN | NET_F_CTRL_VQ | NET_F_CTRL_RX
EVENT_RINGS = PLAIN_RINGS | F_EVENT_IDX | F_INDIRECT_DESC
MERGEABLE = EVENT_RINGS | NET_F_MRG_RXBUF

# Rings.
DESC_NEXT = 1
DESC_WRITE = 2
DESC_INDIRECT = 4
AVAIL_NO_INTERRUPT = 1
USED_NO_NOTIFY = 1

RX = 0
TX = 1
CTRL = 2
NET_HEADER = 12
BUFFER = 2048

# Control queue.
CTRL_RX_CLASS = 0
CTRL_MAC_CLASS = 1
CTRL_VLAN_CLASS = 2
CTRL_ANNOUNCE_CLASS = 3
CTRL_OK = 0
CTRL_ERR = 1

BROADCAST = b"\xff" * 6
ETH_TEST = 0x88b5  # IEEE: local experiments

PAGE = 4096


def ethernet(destination, source, body=b"", ethertype=ETH_TEST):
    frame = destination + source + struct.pack("!H", ethertype) + body
    return frame + bytes(max(0, 60 - len(frame)))


class Memory:
    """Guest memory: a memfd, mapped here and, once map_into() was called, into the device at address."""

    def __init__(self, size=2 << 20, address=0x100000, name="guest"):
        self.size = size
        self.address = address
        self.fd = os.memfd_create(name)
        os.ftruncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size)
        # Indexes are written through this: one store each, never torn.
        self._u16 = memoryview(self.map).cast("H")
        self._free = 0

    def close(self):
        if self.fd >= 0:
            self._u16.release()
            self.map.close()
            os.close(self.fd)
            self.fd = -1

    def map_into(self, client):
        client.dma_map(self.address, self.size, self.fd)

    def unmap_from(self, client):
        client.dma_unmap(self.address, self.size)

    def allocate(self, size, align=16):
        """The address of fresh memory."""
        start = -(-self._free // align) * align
        if start + size > self.size:
            raise MemoryError("guest memory is used up")
        self._free = start + size
        return self.address + start

    def forget_allocations(self, mark=0):
        """Everything allocated since mark() is free again."""
        self._free = mark

    def mark(self):
        return self._free

    def write(self, address, data):
        at = address - self.address
        assert 0 <= at and at + len(data) <= self.size
        self.map[at:at + len(data)] = data

    def read(self, address, size):
        at = address - self.address
        assert 0 <= at and at + size <= self.size
        return self.map[at:at + size]

    def set_u16(self, address, value):
        self._u16[(address - self.address) // 2] = value & 0xffff

    def get_u16(self, address):
        return self._u16[(address - self.address) // 2]


class Queue:
    """One split ring. Descriptor table, driver and device area lie one after the other."""

    def __init__(self, nic, index, size):
        self.nic = nic
        self.index = index
        self.size = size
        self.memory = nic.memory
        self.descriptors = self.memory.allocate(16 * size, 16)
        self.driver = self.memory.allocate(6 + 2 * size, 2)
        self.device = self.memory.allocate(6 + 8 * size, 4)
        self.eventfd = vu.make_eventfd()
        self.notify_at = None
        self.next_avail = 0
        self.next_used = 0
        self.event_idx = False
        self.clear()

    def clear(self):
        """As a driver leaves it before it enables the queue."""
        self.memory.write(self.descriptors, bytes(16 * self.size))
        self.memory.write(self.driver, bytes(6 + 2 * self.size))
        self.memory.write(self.device, bytes(6 + 8 * self.size))
        self.next_avail = self.next_used = 0
        self.free = list(range(self.size - 1, -1, -1))
        self.chains = {}

    # Driver side, well-behaved.

    def set_descriptor(self, i, address, length, flags=0, following=0):
        self.memory.write(self.descriptors + 16 * i,
                          struct.pack("<QIHH", address, length & 0xffffffff, flags, following))

    def chain(self, parts, indirect=False):
        """Write descriptors for parts, (address, length, device may write); returns the head."""
        if indirect:
            table = self.memory.allocate(16 * len(parts))
            for i, (address, length, write) in enumerate(parts):
                more = i + 1 < len(parts)
                self.memory.write(table + 16 * i, struct.pack(
                    "<QIHH", address, length, (DESC_WRITE if write else 0) | (DESC_NEXT if more else 0),
                    i + 1 if more else 0))
            head = self.free.pop()
            self.set_descriptor(head, table, 16 * len(parts), DESC_INDIRECT)
            self.chains[head] = [head]
            return head
        taken = [self.free.pop() for _ in parts]
        for i, (address, length, write) in enumerate(parts):
            more = i + 1 < len(parts)
            self.set_descriptor(taken[i], address, length,
                                (DESC_WRITE if write else 0) | (DESC_NEXT if more else 0),
                                taken[i + 1] if more else 0)
        self.chains[taken[0]] = taken
        return taken[0]

    def offer(self, *heads):
        """Put heads into the available ring and make them visible."""
        for head in heads:
            self.memory.set_u16(self.driver + 4 + 2 * (self.next_avail % self.size), head)
            self.next_avail = (self.next_avail + 1) & 0xffff
        self.memory.set_u16(self.driver + 2, self.next_avail)

    def kick(self, posted=False):
        region, at = self.notify_at
        (self.nic.client.region_post if posted else self.nic.client.region_write)(
            region, at, struct.pack("<H", self.index))

    def used_index(self):
        return self.memory.get_u16(self.device + 2)

    def take_used(self):
        """(head, length) of the next used element, or None."""
        if self.used_index() == self.next_used:
            return None
        at = self.device + 4 + 8 * (self.next_used % self.size)
        head, length = struct.unpack("<II", self.memory.read(at, 8))
        self.next_used = (self.next_used + 1) & 0xffff
        if head not in self.chains:
            raise AssertionError(f"queue {self.index}: used element names {head}, which was not offered")
        self.free.extend(self.chains.pop(head))
        return head, length

    def want_interrupt(self):
        """Ask for an interrupt at the next used element."""
        if self.event_idx:
            self.memory.set_u16(self.driver + 4 + 2 * self.size, self.next_used)

    def wait_used(self, deadline_s=vu.DEADLINE):
        """The next used element; sleeps on the queue's interrupt, so one that is lost is noticed."""
        end = time.monotonic() + deadline_s
        while True:
            self.want_interrupt()
            element = self.take_used()
            if element:
                return element
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise vu.Late(f"queue {self.index}: nothing used within {deadline_s} s "
                              f"(status {self.nic.status():#x})")
            vu.wait_event(self.eventfd, f"an interrupt of queue {self.index}", left_s)

    def close(self):
        os.close(self.eventfd)


class Nic:
    """The driver of one virtio-net device."""

    def __init__(self, client, memory):
        self.client = client
        self.memory = memory
        self.queues = {}
        self.config_eventfd = vu.make_eventfd()
        self.config = client.region_read(vu.REGION_CONFIG, 0, 256)
        self.capabilities = walk_capabilities(self.config)
        self.windows = {}
        self.notify_multiplier = 0
        self.msix = None
        for cap_id, at, body in self.capabilities:
            if cap_id == CAP_MSIX:
                self.msix = at
                self.vectors = (struct.unpack_from("<H", body, 2)[0] & 0x7ff) + 1
            if cap_id != CAP_VENDOR:
                continue
            kind, bar = body[3], body[4]
            offset, length = struct.unpack_from("<II", body, 8)
            if kind not in self.windows:
                self.windows[kind] = (bar, offset, length)
            if kind == VIRTIO_NOTIFY:
                self.notify_multiplier, = struct.unpack_from("<I", body, 16)
        self.features = 0
        self.receive_buffers = {}
        self.used_receive = []
        self.transmit_buffers = {}

    def close(self):
        for queue in self.queues.values():
            queue.close()
        self.queues = {}
        os.close(self.config_eventfd)

    # Registers.

    def get(self, register):
        offset, size = register
        bar, at, _ = self.windows[VIRTIO_COMMON]
        return int.from_bytes(self.client.region_read(bar, at + offset, size), "little")

    def set(self, register, value):
        offset, size = register
        bar, at, _ = self.windows[VIRTIO_COMMON]
        if size == 8:  # the specification has drivers write 64-bit fields as two halves
            self.client.region_write(bar, at + offset, struct.pack("<I", value & 0xffffffff))
            self.client.region_write(bar, at + offset + 4, struct.pack("<I", value >> 32))
        else:
            self.client.region_write(bar, at + offset, value.to_bytes(size, "little"))

    def device_config(self, offset, size):
        bar, at, _ = self.windows[VIRTIO_DEVICE]
        return self.client.region_read(bar, at + offset, size)

    def mac(self):
        return self.device_config(0, 6)

    def link_status(self):
        return struct.unpack("<H", self.device_config(6, 2))[0]

    def mtu(self):
        return struct.unpack("<H", self.device_config(10, 2))[0]

    def status(self):
        return self.get(DEVICE_STATUS)

    def add_status(self, bits):
        self.set(DEVICE_STATUS, self.status() | bits)

    def set_command(self, bits):
        self.client.region_write(vu.REGION_CONFIG, PCI_COMMAND, struct.pack("<H", bits))

    def enable_msix(self, on=True):
        at = self.msix + 2
        control, = struct.unpack("<H", self.client.region_read(vu.REGION_CONFIG, at, 2))
        control = (control & ~0xc000) | (0x8000 if on else 0)
        self.client.region_write(vu.REGION_CONFIG, at, struct.pack("<H", control))

    def offered(self):
        features = 0
        for half in (0, 1):
            self.set(DEVICE_FEATURE_SELECT, half)
            features |= self.get(DEVICE_FEATURE) << (32 * half)
        return features

    def accept(self, features):
        for half in (0, 1):
            self.set(DRIVER_FEATURE_SELECT, half)
            self.set(DRIVER_FEATURE, (features >> (32 * half)) & 0xffffffff)

    # Life.

    def reset(self):
        """The driver's own reset; returns when the device says that it is done."""
        self.set(DEVICE_STATUS, 0)
        vu.wait_until(lambda: self.status() == 0, "the device is reset")
        for queue in self.queues.values():
            queue.close()
        self.queues = {}
        self.receive_buffers = {}
        self.transmit_buffers = {}
        self.used_receive = []

    def negotiate(self, wanted=PLAIN):
        """Reset to FEATURES_OK with whatever of wanted is offered."""
        self.reset()
        self.add_status(ACKNOWLEDGE)
        self.add_status(DRIVER)
        self.features = self.offered() & wanted
        self.accept(self.features)
        self.add_status(FEATURES_OK)
        if not self.status() & FEATURES_OK:
            raise AssertionError(f"the device refuses features {self.features:#x}")

    def attach_interrupts(self):
        """Vector 0: configuration; 1 + n: queue n. Goes in batches that the server accepts."""
        fds = [self.config_eventfd] + [self.queues[i].eventfd for i in sorted(self.queues)]
        self.enable_msix()
        step = max(1, self.client.max_msg_fds)
        for start in range(0, len(fds), step):
            part = fds[start:start + step]
            self.client.set_irqs(vu.IRQ_MSIX, vu.SET_EVENTFD | vu.SET_TRIGGER, start, len(part), fds=part)

    def make_queue(self, index, size=64):
        self.set(QUEUE_SELECT, index)
        largest = self.get(QUEUE_SIZE)
        queue = Queue(self, index, min(size, largest))
        queue.event_idx = bool(self.features & F_EVENT_IDX)
        bar, at, _ = self.windows[VIRTIO_NOTIFY]
        queue.notify_at = bar, at + self.get(QUEUE_NOTIFY_OFF) * self.notify_multiplier
        self.queues[index] = queue
        return queue

    def enable_queue(self, queue, descriptors=None, driver=None, device=None):
        """Tell the device where the ring is, or somewhere else, and enable it."""
        self.set(QUEUE_SELECT, queue.index)
        self.set(QUEUE_SIZE, queue.size)
        self.set(QUEUE_MSIX_VECTOR, 1 + queue.index)
        if self.get(QUEUE_MSIX_VECTOR) != 1 + queue.index:
            raise AssertionError(f"no vector for queue {queue.index}")
        self.set(QUEUE_DESC, queue.descriptors if descriptors is None else descriptors)
        self.set(QUEUE_DRIVER, queue.driver if driver is None else driver)
        self.set(QUEUE_DEVICE, queue.device if device is None else device)
        self.set(QUEUE_ENABLE, 1)

    def prepare(self, wanted=PLAIN, size=64):
        """Everything but enabling the queues and DRIVER_OK."""
        self.memory.forget_allocations()
        self.negotiate(wanted)
        self.set_command(COMMAND_MEMORY | COMMAND_MASTER)
        last = CTRL if self.features & NET_F_CTRL_VQ else TX
        for index in range(last + 1):
            self.make_queue(index, size)
        self.attach_interrupts()
        self.set(CONFIG_MSIX_VECTOR, 0)

    def start(self, wanted=PLAIN, size=64, buffer_len=BUFFER, buffers=None):
        """Reset to DRIVER_OK with receive buffers in place."""
        self.prepare(wanted, size)
        for queue in self.queues.values():
            self.enable_queue(queue)
        self.add_status(DRIVER_OK)
        self.buffer_len = buffer_len
        if buffers != 0:
            self.post_buffers(buffers or self.queues[RX].size)

    def post_buffers(self, n):
        queue = self.queues[RX]
        heads = []
        for _ in range(n):
            address = self.memory.allocate(self.buffer_len)
            head = queue.chain([(address, self.buffer_len, True)])
            self.receive_buffers[head] = address
            heads.append(head)
        queue.offer(*heads)
        queue.kick()

    # Frames.

    def transmit_chain(self, frame, indirect=False, pieces=1):
        """A chain with the frame in it, not yet offered; returns its head."""
        queue = self.queues[TX]
        data = bytes(NET_HEADER) + frame
        address = self.memory.allocate(len(data))
        self.memory.write(address, data)
        parts = []
        at = 0
        for i in range(pieces):
            length = (len(data) - at) // (pieces - i)
            parts.append((address + at, length, False))
            at += length
        return queue.chain(parts, indirect)

    def transmit(self, *frames, indirect=False, pieces=1, posted=False):
        """Send frames in one batch, wait until the device has used them all."""
        queue = self.queues[TX]
        mark = self.memory.mark()
        heads = [self.transmit_chain(frame, indirect, pieces) for frame in frames]
        queue.offer(*heads)
        queue.kick(posted)
        waiting = set(heads)
        while waiting:
            head, length = queue.wait_used()
            if length != 0:
                raise AssertionError(f"the device claims to have written {length} bytes of a transmitted frame")
            waiting.discard(head)
        self.memory.forget_allocations(mark)

    def receive_any(self, deadline_s=vu.DEADLINE):
        """The next frame for this guest, its header checked and removed; its buffers are offered again."""
        queue = self.queues[RX]
        data = b""
        left = 1
        heads = []
        while left:
            head, length = queue.wait_used(deadline_s)
            address = self.receive_buffers.pop(head)
            if length > self.buffer_len:
                raise AssertionError(f"{length} bytes in a buffer of {self.buffer_len}")
            part = self.memory.read(address, length)
            if not data:
                n_buffers, = struct.unpack_from("<H", part, 10)
                if self.features & NET_F_MRG_RXBUF:
                    if not 1 <= n_buffers <= queue.size:
                        raise AssertionError(f"num_buffers is {n_buffers}")
                    left = n_buffers
                elif n_buffers not in (0, 1):
                    raise AssertionError(f"num_buffers is {n_buffers} though it was not negotiated")
            data += part
            left -= 1
            again = queue.chain([(address, self.buffer_len, True)])
            self.receive_buffers[again] = address
            heads.append(again)
        queue.offer(*heads)
        queue.kick()
        return data[NET_HEADER:]

    def receive(self, match=lambda frame: True, deadline_s=vu.DEADLINE):
        """The next frame that matches; others (a router advertisement, say) are dropped."""
        end = time.monotonic() + deadline_s
        while True:
            frame = self.receive_any(max(0.001, end - time.monotonic()))
            if match(frame):
                return frame

    def receive_all_until(self, match, deadline_s=vu.DEADLINE):
        """Every frame up to and including the one that matches."""
        end = time.monotonic() + deadline_s
        frames = []
        while not frames or not match(frames[-1]):
            frames.append(self.receive_any(max(0.001, end - time.monotonic())))
        return frames

    def control(self, command_class, command, data=b""):
        """A control command; returns the device's ack."""
        queue = self.queues[CTRL]
        mark = self.memory.mark()
        request = struct.pack("<BB", command_class, command) + data
        address = self.memory.allocate(len(request) + 1)
        self.memory.write(address, request + b"\x77")
        parts = [(address, 2, False)]
        if data:
            parts.append((address + 2, len(data), False))
        parts.append((address + len(request), 1, True))
        queue.offer(queue.chain(parts))
        queue.kick()
        _, length = queue.wait_used()
        ack = self.memory.read(address + len(request), 1)[0]
        self.memory.forget_allocations(mark)
        if length != 1:
            raise AssertionError(f"a control command's reply has length {length}, not 1")
        return ack

    def interrupted(self, deadline_s=vu.DEADLINE):
        """Wait for the configuration interrupt."""
        return vu.wait_event(self.config_eventfd, "a configuration interrupt", deadline_s)


def walk_capabilities(config):
    """(id, offset, bytes) of each PCI capability; loops and strays are failures."""
    status, = struct.unpack_from("<H", config, PCI_STATUS)
    if not status & STATUS_CAPABILITIES:
        raise AssertionError("no capability list")
    found = []
    at = config[PCI_CAPABILITIES]
    while at:
        if at < 0x40 or at % 4 or at > 0xfc:
            raise AssertionError(f"a capability at {at:#x}")
        if any(at == seen for _, seen, _ in found):
            raise AssertionError("the capability list loops")
        found.append((config[at], at, bytes(config[at:256])))
        at = config[at + 1]
    return found


def common_config(client):
    """(region, offset) of the device's common configuration: registers that any test may want to touch."""
    for cap_id, _, body in walk_capabilities(client.region_read(vu.REGION_CONFIG, 0, 256)):
        if cap_id == CAP_VENDOR and body[3] == VIRTIO_COMMON:
            return body[4], struct.unpack_from("<I", body, 8)[0]
    raise AssertionError("no common configuration")


class Scratch:
    """A register that holds what is written to it and does nothing else (device_feature_select)."""

    def __init__(self, client):
        self.region, self.offset = common_config(client)
        self.client = client

    def payload(self, value):
        return vu.region_write_payload(self.region, self.offset, struct.pack("<I", value))

    def set(self, value):
        self.client.region_write(self.region, self.offset, struct.pack("<I", value))

    def get(self):
        return struct.unpack("<I", self.client.region_read(self.region, self.offset, 4))[0]


# Protocols that a guest speaks with the network.

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4_udp(source, destination, source_port, destination_port, data):
    length = 8 + len(data)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, 17, 0, source, destination)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    pseudo = source + destination + struct.pack("!BBH", 0, 17, length)
    udp = struct.pack("!HHHH", source_port, destination_port, length, 0)
    total = checksum(pseudo + udp + data) or 0xffff
    return head + struct.pack("!HHHH", source_port, destination_port, length, total) + data


def dhcp_frame(mac, kind, transaction, options=b""):
    """A client's DHCP message: kind 1 DISCOVER, 3 REQUEST."""
    bootp = struct.pack("!BBBBIHH4s4s4s4s16s64s128s4s", 1, 1, 6, 0, transaction, 0, 0x8000, bytes(4),
                        bytes(4), bytes(4), bytes(4), mac, b"", b"", bytes([99, 130, 83, 99]))
    bootp += bytes([53, 1, kind]) + options + b"\xff"
    bootp += bytes(max(0, 300 - len(bootp)))
    return ethernet(BROADCAST, mac, ipv4_udp(bytes(4), b"\xff" * 4, 68, 67, bootp), 0x0800)


def parse_dhcp_reply(frame):
    """(transaction, your address, {option: bytes}) of a DHCP server's message, or None."""
    if len(frame) < 14 + 20 + 8 + 240 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    ip = frame[14:]
    udp = ip[(ip[0] & 0xf) * 4:]
    if struct.unpack_from("!HH", udp) != (67, 68):
        return None
    bootp = udp[8:]
    transaction, = struct.unpack_from("!I", bootp, 4)
    options, at = {}, 240
    while at < len(bootp) and bootp[at] != 255:
        if bootp[at] == 0:
            at += 1
            continue
        length = bootp[at + 1]
        options[bootp[at]] = bootp[at + 2:at + 2 + length]
        at += 2 + length
    return transaction, bootp[16:20], options


def arp_request(mac, source, target):
    return ethernet(BROADCAST, mac, struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, source, bytes(6),
                                                target), 0x0806)


def is_arp_reply(frame, sender):
    return (frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x02" and frame[28:32] == sender)


def numbered_frame(destination, source, sequence, size=60):
    """A frame that only a test sends, recognisable by its number."""
    body = struct.pack("!I", sequence) + bytes((sequence + i) & 0xff for i in range(max(0, size - 18)))
    return ethernet(destination, source, body)


def is_numbered(frame, sequence=None):
    if frame[12:14] != struct.pack("!H", ETH_TEST):
        return False
    return sequence is None or frame[14:18] == struct.pack("!I", sequence)


def number_of(frame):
    return struct.unpack("!I", frame[14:18])[0]
