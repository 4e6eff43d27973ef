# SPDX-License-Identifier: BSD-3-Clause
"""A raw vfio-user client, written from the specification alone.

It knows how messages are laid out and nothing about Outrigger. Every wait has a deadline; nothing here
sleeps. What is well-formed has a method named after the command; what is not goes through send() with odd
header fields, or through send_raw() with any bytes at all.

    client = Client(path)               # connects and negotiates; handshake=False leaves that to the caller
    client.ok(DEVICE_GET_INFO, ...)     # a success reply is required, its payload returned
    client.refused(DEVICE_GET_INFO, ..) # a well-formed error reply is required, its errno returned
    client.wait_closed()                # the server must hang up

Integers are host-endian on the wire; the hosts of these tests are little-endian, and "<" avoids padding.
"""
import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import termios
import time

# Commands.
VERSION = 1
DMA_MAP = 2
DMA_UNMAP = 3
DEVICE_GET_INFO = 4
DEVICE_GET_REGION_INFO = 5
DEVICE_GET_REGION_IO_FDS = 6
DEVICE_GET_IRQ_INFO = 7
DEVICE_SET_IRQS = 8
REGION_READ = 9
REGION_WRITE = 10
DMA_READ = 11
DMA_WRITE = 12
DEVICE_RESET = 13
REGION_WRITE_MULTI = 15
DEVICE_FEATURE = 16
MIG_DATA_READ = 17
MIG_DATA_WRITE = 18

# Header.
HEADER = struct.Struct("<HHIII")
TYPE_COMMAND = 0
TYPE_REPLY = 1
FLAG_NO_REPLY = 1 << 4
FLAG_ERROR = 1 << 5

# Regions and IRQs of a PCI device.
REGION_ROM = 6
REGION_CONFIG = 7
REGION_VGA = 8
PCI_REGIONS = 9
IRQ_INTX = 0
IRQ_MSI = 1
IRQ_MSIX = 2
IRQ_ERR = 3
IRQ_REQ = 4
PCI_IRQS = 5

DEVICE_FLAG_RESET = 1 << 0
DEVICE_FLAG_PCI = 1 << 1

REGION_FLAG_READ = 1 << 0
REGION_FLAG_WRITE = 1 << 1
REGION_FLAG_MMAP = 1 << 2
REGION_FLAG_CAPS = 1 << 3

IRQ_FLAG_EVENTFD = 1 << 0
IRQ_FLAG_MASKABLE = 1 << 1

SET_NONE = 1 << 0
SET_BOOL = 1 << 1
SET_EVENTFD = 1 << 2
SET_MASK = 1 << 3
SET_UNMASK = 1 << 4
SET_TRIGGER = 1 << 5

DMA_FLAG_READ = 1 << 0
DMA_FLAG_WRITE = 1 << 1
DMA_FLAG_MMAP = 1 << 2
DMA_FLAG_FILE = 1 << 3
DMA_UNMAP_ALL = 1 << 1

FEATURE_GET = 1 << 16
FEATURE_SET = 1 << 17
FEATURE_PROBE = 1 << 18

FEATURE_MIGRATION = 1
FEATURE_MIG_STATE = 2
FEATURE_LOGGING_START = 6
FEATURE_LOGGING_STOP = 7
FEATURE_LOGGING_REPORT = 8

MIGRATION_STOP_COPY = 1 << 0
MIGRATION_PRE_COPY = 1 << 2

STATE_ERROR = 0
STATE_STOP = 1
STATE_RUNNING = 2
STATE_STOP_COPY = 3
STATE_RESUMING = 4
STATE_PRE_COPY = 6

CAP_SPARSE_MMAP = 1
CAP_TYPE = 2
CAP_SPARSE_MMAP_FDS = 0x8001

IO_FD_IOEVENTFD = 0
IO_FD_SHADOW = 2
IO_FD_DATAMATCH = 1 << 0

# Limits of a side that does not state its own.
DEFAULT_MAX_MSG_FDS = 1
DEFAULT_MAX_DATA_XFER_SIZE = 1048576
DEFAULT_MAX_DMA_MAPS = 65535

# One step of a test may take this long: generous, since a sanitizer build on a busy machine is slow.
DEADLINE = float(os.environ.get("OUTRIGGER_TEST_DEADLINE", "30"))

# What QEMU 10.1 proposes, in the order and form in which it does.
QEMU_CAPABILITIES = {
    "max_msg_fds": 16,
    "max_data_xfer_size": 1048576,
    "pgsizes": 4096,
    "max_dma_maps": 65535,
    "migration": {"pgsize": 4096, "max_bitmap_size": 268435456},
    "write_multiple": True,
}


class PeerClosed(ConnectionError):
    """The server hung up between two messages."""


class PeerClosedInsideMessage(AssertionError):
    """The server hung up in the middle of a message."""


class Unserved(AssertionError):
    """No client of this server gets served."""


class Late(AssertionError):
    """The deadline of one step passed."""


def wait_until(condition, what, deadline_s=DEADLINE):
    """Poll until condition() is true; its last value is returned."""
    end = time.monotonic() + deadline_s
    pause_s = 0.0005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"not within {deadline_s} s: {what}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.02)


class Message:
    """One received message, whole."""

    def __init__(self, header, payload, fds):
        self.id, self.command, self.size, self.flags, self.error = HEADER.unpack(header)
        self.payload = payload
        self.fds = fds

    @property
    def type(self):
        return self.flags & 0xf

    @property
    def is_error(self):
        return bool(self.flags & FLAG_ERROR)

    def __repr__(self):
        return (f"<message id={self.id:#x} command={self.command} size={self.size} flags={self.flags:#x} "
                f"error={self.error} payload={self.payload[:64].hex()} fds={len(self.fds)}>")


def header(command, payload_len, msg_id=0, flags=TYPE_COMMAND, error=0, size=None):
    """The 16 bytes; size is what the header claims if that is not the truth."""
    return HEADER.pack(msg_id, command, 16 + payload_len if size is None else size, flags, error)


def message(command, payload=b"", **fields):
    return header(command, len(payload), **fields) + payload


# Payloads of requests. Each length or size field can be made a lie.

def version_payload(capabilities=None, major=0, minor=0, text=None):
    """text: the bytes after the two numbers, NUL included, instead of JSON made of capabilities."""
    if text is None:
        text = json.dumps({"capabilities": capabilities or {}}).encode() + b"\0"
    return struct.pack("<HH", major, minor) + text


def dma_map_payload(address, size, flags=DMA_FLAG_READ | DMA_FLAG_WRITE, offset=0, argsz=32):
    return struct.pack("<IIQQQ", argsz, flags, offset, address, size)


def dma_unmap_payload(address, size, flags=0, argsz=24):
    return struct.pack("<IIQQ", argsz, flags, address, size)


def get_info_payload(argsz=16):
    return struct.pack("<IIII", argsz, 0, 0, 0)


def region_info_payload(index, argsz=32):
    return struct.pack("<IIIIQQ", argsz, 0, index, 0, 0, 0)


def region_io_fds_payload(index, argsz=16, flags=0, count=0):
    return struct.pack("<IIII", argsz, flags, index, count)


def irq_info_payload(index, argsz=16):
    return struct.pack("<IIII", argsz, 0, index, 0)


def set_irqs_payload(index, flags, start, count, data=b"", argsz=None):
    return struct.pack("<IIIII", 20 + len(data) if argsz is None else argsz, flags, index, start,
                       count) + data


def region_read_payload(region, offset, count):
    return struct.pack("<QII", offset, region, count)


def region_write_payload(region, offset, data, count=None):
    return struct.pack("<QII", offset, region, len(data) if count is None else count) + data


def write_multi_payload(writes, wr_cnt=None):
    """writes: of (region, offset, bytes) or, to lie about a count, of (region, offset, bytes, count)."""
    out = struct.pack("<Q", len(writes) if wr_cnt is None else wr_cnt)
    for region, offset, data, *count in writes:
        out += struct.pack("<QII8s", offset, region, count[0] if count else len(data), bytes(data))
    return out


def feature_payload(flags, data=b"", argsz=None):
    return struct.pack("<II", 8 + len(data) if argsz is None else argsz, flags) + data


class Client:
    """One connection. Owns the fds that it receives until close()."""

    def __init__(self, path, handshake=True, capabilities=None, deadline_s=DEADLINE, fd=None):
        """fd: a connected socket, duplicated; instead of a path and a handshake."""
        self.path = path
        self.deadline_s = deadline_s
        self._next_id = 0x100
        self._received_fds = []
        self.capabilities = {}
        self.minor = None
        self.version_fds = []
        if fd is not None:
            self.socket = socket.socket(fileno=fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3))
            self.socket.setblocking(False)
            return
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self.socket.setblocking(False)
            wait_until(lambda: self._try_connect(path), f"a place in the queue of {path}", deadline_s)
            if handshake:
                self.handshake(QEMU_CAPABILITIES if capabilities is None else capabilities)
        except BaseException:
            self.close()
            raise

    def _try_connect(self, path):
        try:
            self.socket.connect(path)
            return True
        except BlockingIOError:  # as many as listen() allows wait already
            return False

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        for fd in self._received_fds:
            os.close(fd)
        self._received_fds = []
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def close_received(self, fd):
        """One of the fds that came, before close() does."""
        self._received_fds.remove(fd)
        os.close(fd)

    # Bytes.

    def send_raw(self, data, fds=()):
        """All of data; the fds go with its first byte. PeerClosed if the server no longer listens."""
        end = time.monotonic() + self.deadline_s
        view = memoryview(data)
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        while len(view):
            try:
                n = self.socket.sendmsg([view], ancillary, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._poll(select.POLLOUT, end, "room in the socket")
                continue
            except (BrokenPipeError, ConnectionResetError) as e:
                raise PeerClosed(f"while sending: {e}") from e
            view = view[n:]
            ancillary = []

    def send_some(self, data):
        """What fits without waiting; returns how many bytes that was."""
        try:
            return self.socket.send(data, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def wait_consumed(self):
        """Until the server has read everything that was sent."""
        def nothing_queued():
            out = array.array("i", [0])
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, out)
            return out[0] == 0
        wait_until(nothing_queued, "the server reads what was sent", self.deadline_s)

    def _poll(self, events, end, what):
        poll = select.poll()
        poll.register(self.socket, events)
        left_s = end - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise Late(f"not within {self.deadline_s} s: {what}")

    def _receive_bytes(self, n, fds, end, inside):
        data = bytearray()
        while len(data) < n:
            try:
                part, ancillary, flags, _ = self.socket.recvmsg(
                    n - len(data), socket.CMSG_SPACE(64 * 4),
                    socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                self._poll(select.POLLIN, end, "a message from the server")
                continue
            except ConnectionResetError as e:
                part, ancillary, flags = b"", [], 0
                if not inside and not data:
                    raise PeerClosed(str(e)) from e
            for level, kind, raw in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    got = array.array("i")
                    got.frombytes(raw[:len(raw) - len(raw) % got.itemsize])
                    fds.extend(got)
                    self._received_fds.extend(got)
            if flags & socket.MSG_CTRUNC:
                raise AssertionError("more than 64 fds with one message")
            if not part:
                if inside or data:
                    raise PeerClosedInsideMessage(f"after {len(data)} of {n} bytes: {bytes(data).hex()}")
                raise PeerClosed("end of file")
            data += part
        return bytes(data)

    def receive(self):
        """The next message, whatever it is. PeerClosed if the server hung up instead."""
        end = time.monotonic() + self.deadline_s
        fds = []
        head = self._receive_bytes(16, fds, end, inside=False)
        size = HEADER.unpack(head)[2]
        if size < 16:
            raise AssertionError(f"the server sent a header of size {size}")
        n_fds = len(fds)
        payload = self._receive_bytes(size - 16, fds, end, inside=True)
        if len(fds) != n_fds:
            raise AssertionError("fds came later than the first byte of their message")
        return Message(head, payload, fds)

    def has_input(self):
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(0))

    def wait_closed(self):
        """The server must hang up; messages that it sends before are returned."""
        before = []
        while True:
            try:
                before.append(self.receive())
            except PeerClosed:
                return before

    # Messages.

    def send(self, command, payload=b"", fds=(), msg_id=None, flags=TYPE_COMMAND, error=0, size=None):
        """A command, its id returned. The keyword arguments replace header fields."""
        if msg_id is None:
            msg_id = self._next_id
            self._next_id = (self._next_id + 1) & 0xffff
        self.send_raw(header(command, len(payload), msg_id, flags, error, size) + payload, fds)
        return msg_id

    def reply(self, asked, payload=b"", fds=(), error=0, **fields):
        """Answer a command of the server. The keyword arguments replace header fields."""
        fields.setdefault("msg_id", asked.id)
        fields.setdefault("flags", TYPE_REPLY | FLAG_ERROR if error else TYPE_REPLY)
        self.send_raw(message(fields.pop("command", asked.command), payload, error=error, **fields), fds)

    def next_reply(self):
        """The next message, which is to be a reply."""
        return self.receive()

    def receive_reply(self, command, msg_id):
        """The reply to that command and nothing else (rules 1 and 5 hold for each reply of each test)."""
        reply = self.next_reply()
        wrong = []
        if reply.type != TYPE_REPLY:
            wrong.append("not a reply")
        if (reply.id, reply.command) != (msg_id, command):
            wrong.append(f"not to id {msg_id:#x} command {command}")
        if reply.is_error:
            if reply.flags != TYPE_REPLY | FLAG_ERROR or reply.size != 16 or reply.fds:
                wrong.append("an error reply is a bare header with flags 0x21")
            if not 0 < reply.error < 4096:
                wrong.append("not an errno")
        elif reply.flags != TYPE_REPLY:
            wrong.append("a success reply has flags 0x1")
        if wrong:
            raise AssertionError(f"{reply}: {'; '.join(wrong)}")
        return reply

    def request(self, command, payload=b"", fds=(), **fields):
        """Send a command, wait for its reply, success or not."""
        return self.receive_reply(command, self.send(command, payload, fds, **fields))

    def ok(self, command, payload=b"", fds=(), **fields):
        """The payload of the success reply that must come."""
        reply = self.request(command, payload, fds, **fields)
        if reply.is_error:
            raise AssertionError(f"command {command} was refused: {os.strerror(reply.error)}")
        return reply.payload

    def refused(self, command, payload=b"", fds=(), **fields):
        """The errno of the error reply that must come."""
        reply = self.request(command, payload, fds, **fields)
        if not reply.is_error:
            raise AssertionError(f"command {command} succeeded: {reply}")
        return reply.error

    def round_trip(self):
        """One harmless command and its reply: nothing else may have been waiting to be read."""
        argsz, flags, n_regions, n_irqs = struct.unpack(
            "<IIII", self.ok(DEVICE_GET_INFO, get_info_payload()))
        if argsz != 16 or not flags & DEVICE_FLAG_PCI:
            raise AssertionError(f"GET_INFO says argsz {argsz}, flags {flags:#x}")
        return n_regions, n_irqs

    # The commands, well-formed and successful.

    def handshake(self, capabilities=None, major=0, minor=0, text=None):
        """VERSION; keeps and returns the server's capabilities."""
        reply = self.request(VERSION, version_payload(capabilities, major, minor, text))
        if reply.is_error:
            raise AssertionError(f"VERSION was refused: {os.strerror(reply.error)}")
        payload, self.version_fds = reply.payload, reply.fds
        got_major, self.minor = struct.unpack_from("<HH", payload)
        if got_major != major or self.minor > minor:
            raise AssertionError(f"version {got_major}.{self.minor} in reply to {major}.{minor}")
        self.capabilities = {}
        if len(payload) > 4:
            if payload[-1] != 0 or b"\0" in payload[4:-1]:
                raise AssertionError(f"the JSON text does not end with its NUL: {payload!r}")
            self.capabilities = json.loads(payload[4:-1].decode()).get("capabilities", {})
        return self.capabilities

    @property
    def max_msg_fds(self):
        return self.capabilities.get("max_msg_fds", DEFAULT_MAX_MSG_FDS)

    @property
    def max_data_xfer_size(self):
        return self.capabilities.get("max_data_xfer_size", DEFAULT_MAX_DATA_XFER_SIZE)

    @property
    def max_dma_maps(self):
        return self.capabilities.get("max_dma_maps", DEFAULT_MAX_DMA_MAPS)

    def dma_map(self, address, size, fd=None, flags=DMA_FLAG_READ | DMA_FLAG_WRITE, offset=0):
        payload = self.ok(DMA_MAP, dma_map_payload(address, size, flags, offset),
                          () if fd is None else (fd,))
        if payload:
            raise AssertionError("the reply to DMA_MAP has no payload")

    def dma_unmap(self, address, size, flags=0):
        request = dma_unmap_payload(address, size, flags)
        payload = self.ok(DMA_UNMAP, request)
        if payload != request:
            raise AssertionError(f"DMA_UNMAP's reply is {payload.hex()}, not the request")

    def get_info(self):
        """(flags, number of regions, number of IRQ indexes)"""
        argsz, *rest = struct.unpack("<IIII", self.ok(DEVICE_GET_INFO, get_info_payload()))
        if argsz != 16:
            raise AssertionError(f"argsz {argsz}")
        return tuple(rest)

    def region_info(self, index, argsz=None):
        """A dict of the reply; "caps" are (id, version, bytes). Without argsz: asks again until it is whole."""
        ask = 32 if argsz is None else argsz
        while True:
            reply = self.request(DEVICE_GET_REGION_INFO, region_info_payload(index, ask))
            if reply.is_error:
                raise AssertionError(f"region {index}: {os.strerror(reply.error)}")
            got, flags, got_index, cap_offset, size, offset = struct.unpack_from("<IIIIQQ", reply.payload)
            if got_index != index or got < 32 or len(reply.payload) > max(ask, 32):
                raise AssertionError(f"region {index} with argsz {ask}: {reply}")
            if argsz is None and got > ask:
                ask = got
                continue
            break
        caps = []
        if flags & REGION_FLAG_CAPS:
            at = cap_offset
            while at:
                if at < 32 or at + 8 > len(reply.payload) or len(caps) > 16:
                    raise AssertionError(f"region {index}: capability at {at}")
                cap_id, cap_version, following = struct.unpack_from("<HHI", reply.payload, at)
                caps.append((cap_id, cap_version, reply.payload[at + 8:following or None]))
                at = following
        return {"argsz": got, "flags": flags, "size": size, "offset": offset, "caps": caps,
                "cap_offset": cap_offset, "fds": reply.fds, "len": len(reply.payload)}

    def irq_info(self, index):
        """(flags, count)"""
        argsz, flags, got_index, count = struct.unpack(
            "<IIII", self.ok(DEVICE_GET_IRQ_INFO, irq_info_payload(index)))
        if (argsz, got_index) != (16, index):
            raise AssertionError(f"argsz {argsz}, index {got_index} in reply to index {index}")
        return flags, count

    def set_irqs(self, index, flags, start, count, data=b"", fds=()):
        payload = self.ok(DEVICE_SET_IRQS, set_irqs_payload(index, flags, start, count, data), fds)
        if payload:
            raise AssertionError("the reply to SET_IRQS has no payload")

    def region_read(self, region, offset, count):
        payload = self.ok(REGION_READ, region_read_payload(region, offset, count))
        if payload[:16] != region_read_payload(region, offset, count) or len(payload) != 16 + count:
            raise AssertionError(f"READ of region {region} at {offset:#x}+{count}: {payload[:32].hex()}...")
        return payload[16:]

    def region_write(self, region, offset, data):
        payload = self.ok(REGION_WRITE, region_write_payload(region, offset, data))
        if payload != region_read_payload(region, offset, len(data)):
            raise AssertionError(f"WRITE of region {region} at {offset:#x}+{len(data)}: {payload.hex()}")

    def region_io_fds(self, index, argsz=None):
        """A dict of the reply; "entries" are bytes. Without argsz: asks again until it is whole."""
        ask = 16 if argsz is None else argsz
        while True:
            reply = self.request(DEVICE_GET_REGION_IO_FDS, region_io_fds_payload(index, ask))
            if reply.is_error:
                raise AssertionError(f"I/O fds of region {index}: {os.strerror(reply.error)}")
            got, flags, got_index, count = struct.unpack_from("<IIII", reply.payload)
            if (flags, got_index) != (0, index) or got < 16 or len(reply.payload) > ask:
                raise AssertionError(f"I/O fds of region {index} with argsz {ask}: {reply}")
            if argsz is None and got > ask:
                ask = got
                continue
            break
        stride = (got - 16) // count if count else 0
        entries = [reply.payload[at:at + stride] for at in range(16, len(reply.payload), stride or 1)]
        return {"argsz": got, "count": count, "stride": stride, "entries": entries, "fds": reply.fds}

    def feature_get(self, index, data=b"", room=1 << 16):
        """What a GET appends to the request's data, or gives instead of it, head excluded."""
        payload = self.ok(DEVICE_FEATURE, feature_payload(FEATURE_GET | index, data, 8 + room))
        argsz, flags = struct.unpack_from("<II", payload)
        if argsz != len(payload) or flags != FEATURE_GET | index:
            raise AssertionError(f"GET of feature {index}: argsz {argsz}, flags {flags:#x}, {len(payload)} bytes")
        return payload[8:]

    def feature_set(self, index, data=b""):
        """What comes back: the data, as far as the feature does not say otherwise."""
        request = feature_payload(FEATURE_SET | index, data)
        payload = self.ok(DEVICE_FEATURE, request)
        if payload[:8] != request[:8] or len(payload) != len(request):
            raise AssertionError(f"SET of feature {index}: {payload.hex()}")
        return payload[8:]

    def migration_state(self):
        return struct.unpack("<II", self.feature_get(FEATURE_MIG_STATE))[0]

    def set_migration_state(self, state):
        request = struct.pack("<II", state, 0)
        if self.feature_set(FEATURE_MIG_STATE, request) != request:
            raise AssertionError("SET of the state does not echo")

    def migration_read(self, size):
        payload = self.ok(MIG_DATA_READ, struct.pack("<II", 8 + size, size))
        argsz, got = struct.unpack_from("<II", payload)
        if got > size or len(payload) < 8 + got or argsz < 8 + got:
            raise AssertionError(f"MIG_DATA_READ of {size}: argsz {argsz}, size {got}, {len(payload)} bytes")
        return payload[8:8 + got]

    def migration_write(self, data):
        if self.ok(MIG_DATA_WRITE, struct.pack("<II", 8 + len(data), len(data)) + data):
            raise AssertionError("the reply to MIG_DATA_WRITE has no payload")

    def logging_start(self, page_size=4096, ranges=()):
        """The page size that the server chose."""
        ranges = [struct.pack("<QQ", *each) for each in ranges]
        data = self.feature_set(FEATURE_LOGGING_START,
                                struct.pack("<QII", page_size, len(ranges), 0) + b"".join(ranges))
        return struct.unpack_from("<Q", data)[0]

    def logging_stop(self):
        self.feature_set(FEATURE_LOGGING_STOP)

    def logging_report(self, iova, length, page_size=4096):
        """The set of pages, counted from iova, that were written to."""
        request = struct.pack("<QQQ", iova, length, page_size)
        pages = -(-length // page_size)
        n = -(-pages // 64) * 8
        data = self.feature_get(FEATURE_LOGGING_REPORT, request, len(request) + n)
        if data[:24] != request or len(data) != 24 + n:
            raise AssertionError(f"report of {length:#x} by {page_size}: {len(data)} bytes, {data[:24].hex()}")
        bits = int.from_bytes(data[24:], "little")
        if bits >> pages:
            raise AssertionError("bits beyond the end are set")
        return {i for i in range(pages) if bits >> i & 1}

    def region_post(self, region, offset, data):
        """A write without a reply, as QEMU does to memory BARs."""
        self.send(REGION_WRITE, region_write_payload(region, offset, data), flags=FLAG_NO_REPLY)

    def reset(self):
        if self.ok(DEVICE_RESET):
            raise AssertionError("the reply to RESET has no payload")


def connect_when_free(path, kind=Client, **arguments):
    """A client that gets served even if the server has yet to notice that the one before it is gone."""
    def attempt():
        client = kind(path, handshake=False)
        try:
            capabilities = arguments.get("capabilities")
            client.handshake(QEMU_CAPABILITIES if capabilities is None else capabilities)
            return client
        except (PeerClosed, AssertionError) as e:
            client.close()
            attempt.error = e
            return None
    attempt.error = None
    try:
        return wait_until(attempt, f"being served at {path}")
    except Late as e:
        raise Unserved(f"{e} ({attempt.error})") from attempt.error


def count_of(eventfd):
    """What an eventfd (non-blocking) counted since it was last read; 0 for nothing."""
    try:
        return os.eventfd_read(eventfd)
    except BlockingIOError:
        return 0


def wait_event(eventfd, what, deadline_s=DEADLINE):
    """Wait for a count on an eventfd and return it."""
    poll = select.poll()
    poll.register(eventfd, select.POLLIN)
    if not poll.poll(deadline_s * 1000):
        raise Late(f"not within {deadline_s} s: {what}")
    return os.eventfd_read(eventfd)


def make_eventfd(initial=0):
    return os.eventfd(initial, os.EFD_CLOEXEC | os.EFD_NONBLOCK)


EINVAL = errno.EINVAL
EEXIST = errno.EEXIST
ENOENT = errno.ENOENT
