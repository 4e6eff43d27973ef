# SPDX-License-Identifier: BSD-3-Clause
"""A client of outrigger-test-device: its registers, and guest memory that only messages reach.

    client.reg(regs.REG_ID), client.set(regs.REG_SCRATCH, 5)
    memory = client.message_memory(0x10000, 0x1000)       # memory.bytes is the guest's
    client.dma(regs.DMA_READ | regs.DMA_WAIT, 0x10000, 16) # the errno of the command

While it waits for a reply the client answers what the server asks for, on its twin socket if there is one, in
serve(). A test that wants other answers replaces client.serve with a function of the connection (which has
reply()) and the message. served keeps each (command, address, count).
"""
import errno
import select
import struct
import time

import test_device_regs as regs
import vfio_user_client as vu

TWIN = {"max_msg_fds": 8, "twin_socket": {"supported": True}}

# The engine's registers from DMA_ADDRESS to DMA_COMMAND, which a single access may write.
ENGINE = struct.Struct("<QQIIIIB3xII")
assert ENGINE.size == regs.REG_DMA_COMMAND + 4 - regs.REG_DMA_ADDRESS

SIZES = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


class MessageMemory:
    """A range of guest memory without a file."""

    def __init__(self, address, size, flags):
        self.address = address
        self.bytes = bytearray(size)
        self.flags = flags

    def offset(self, address, count):
        """Where the access is in bytes, or None."""
        at = address - self.address
        return at if 0 <= at and count <= len(self.bytes) - at else None


class DeviceClient(vu.Client):
    def __init__(self, *args, **arguments):
        self.memories = []
        self.served = []
        self.twin = None
        self.serve = self.serve_from_memory
        super().__init__(*args, **arguments)

    def close(self):
        if self.twin:
            self.twin.close()
        super().close()

    def handshake(self, *args, **arguments):
        capabilities = super().handshake(*args, **arguments)
        twin = capabilities.get("twin_socket", {})
        if twin.get("supported"):
            fd = self.version_fds[twin["fd_index"]]
            self.twin = vu.Client(None, fd=fd, deadline_s=self.deadline_s)
            self.close_received(fd)
        return capabilities

    # What the server asks for.

    @property
    def out(self):
        """Where the server's commands come in."""
        return self.twin or self

    def message_memory(self, address, size, flags=vu.DMA_FLAG_READ | vu.DMA_FLAG_WRITE):
        self.dma_map(address, size, flags=flags)
        self.memories.append(MessageMemory(address, size, flags))
        return self.memories[-1]

    def receive_command(self):
        """The server's next command, not answered; replies that come before are dropped."""
        while True:
            command = self.out.receive()
            if command.type == vu.TYPE_COMMAND:
                return command

    def hold_commands(self):
        """From now on commands are not answered; the list that they go into."""
        held = []
        self.serve = lambda connection, command: held.append((connection, command))
        return held

    def wait_held(self, held, n):
        """Until there are so many; the server must be serving meanwhile."""
        vu.wait_until(lambda: (self.round_trip(), len(held) >= n)[1], f"{n} commands of the server", self.deadline_s)

    def release_commands(self, held):
        """Answer them, oldest first, and those to come."""
        self.serve = self.serve_from_memory
        while held:
            self.serve(*held.pop(0))

    def serve_from_memory(self, connection, command):
        """A well-behaved client's answer."""
        if command.command not in (vu.DMA_READ, vu.DMA_WRITE) or command.fds or command.flags or len(
                command.payload) < 16:
            raise AssertionError(f"a server has no such command: {command}")
        address, count = struct.unpack_from("<QQ", command.payload)
        data = command.payload[16:]
        if len(data) != (count if command.command == vu.DMA_WRITE else 0):
            raise AssertionError(f"{command} does not have its data")
        needed = vu.DMA_FLAG_WRITE if command.command == vu.DMA_WRITE else vu.DMA_FLAG_READ
        for memory in self.memories:
            at = memory.offset(address, count)
            if at is not None and memory.flags & needed:
                if command.command == vu.DMA_WRITE:
                    memory.bytes[at:at + count] = data
                    connection.reply(command, command.payload[:16])
                else:
                    connection.reply(command, command.payload[:16] + memory.bytes[at:at + count])
                return
        raise AssertionError(f"the server reaches for {address:#x}+{count:#x}: {command}")

    def next_reply(self):
        """Serves until it comes."""
        end = time.monotonic() + self.deadline_s
        while True:
            self._wait_any(end)
            if self.twin and self.twin.has_input():
                self._serve_one(self.twin)
                continue
            message = self.receive()
            if message.type == vu.TYPE_REPLY:
                return message
            if self.twin:
                raise AssertionError(f"not on the twin socket: {message}")
            self._serve(self, message)

    def _wait_any(self, end):
        poll = select.poll()
        for connection in (self, self.twin):
            if connection:
                poll.register(connection.socket, select.POLLIN)
        if not poll.poll(max(0, end - time.monotonic()) * 1000):
            raise vu.Late(f"not within {self.deadline_s} s: a message from the server")

    def _serve_one(self, connection):
        try:
            message = connection.receive()
        except vu.PeerClosed:
            self.twin.close()
            self.twin = None
            return
        if message.type != vu.TYPE_COMMAND:
            raise AssertionError(f"not a command: {message}")
        self._serve(connection, message)

    def _serve(self, connection, command):
        if len(command.payload) >= 16:
            self.served.append((command.command, *struct.unpack_from("<QQ", command.payload)))
        self.serve(connection, command)

    # Registers.

    def reg(self, offset, size=4):
        return struct.unpack(SIZES[size], self.region_read(0, offset, size))[0]

    def set(self, offset, value, size=4):
        self.region_write(0, offset, struct.pack(SIZES[size], value))

    def until_reg(self, offset, expected, what):
        """Ask until the register has this value."""
        vu.wait_until(lambda: self.reg(offset) == expected, what, self.deadline_s)

    def read_request(self, count=4, offset=regs.REG_MEMORY):
        """Ask for memory of BAR0, without waiting; the id."""
        return self.send(vu.REGION_READ, vu.region_read_payload(0, offset, count))

    def read_reply(self, msg_id):
        reply = self.receive_reply(vu.REGION_READ, msg_id)
        if reply.is_error:
            raise AssertionError(f"a read was refused: {reply}")
        return reply.payload[16:]

    def local(self, offset, count):
        """The device's own memory (BAR1), which the engine moves from and to."""
        return self.region_read(1, offset, count)

    def set_local(self, offset, data):
        self.region_write(1, offset, data)

    def defer(self, kinds, ms=0, error=0):
        self.region_write(0, regs.REG_DEFER_KINDS, struct.pack("<III", kinds, ms, error))

    def release(self, n=1):
        """Without a reply, which could come before or after those to what is released."""
        self.region_post(0, regs.REG_RELEASE, struct.pack("<I", n))

    def fail(self, kinds, error):
        self.region_write(0, regs.REG_FAIL_KINDS, struct.pack("<II", kinds, error))

    # The DMA engine.

    @staticmethod
    def dma_payload(command, address, length, local=0, second=0, count=1, stride=0, pattern=0, timeout_ms=0):
        return vu.region_write_payload(0, regs.REG_DMA_ADDRESS, ENGINE.pack(
            address, second, length, local, stride, count, pattern, timeout_ms, command))

    def dma_start(self, command, address, length, **how):
        """Give the command without waiting for anything; the id of the access."""
        return self.send(vu.REGION_WRITE, self.dma_payload(command, address, length, **how))

    def dma_accepted(self, msg_id):
        reply = self.receive_reply(vu.REGION_WRITE, msg_id)
        if reply.is_error:
            raise AssertionError(f"the access that gives a DMA command was refused: {reply}")

    def dma(self, command, address, length, **how):
        """Run a command to its end: its errno."""
        done = self.reg(regs.REG_DMA_DONE)
        self.dma_accepted(self.dma_start(command, address, length, **how))
        self.until_reg(regs.REG_DMA_DONE, done + 1, "the DMA command is done")
        return self.reg(regs.REG_DMA_RESULT)


def connect_when_free(path, **arguments):
    return vu.connect_when_free(path, DeviceClient, **arguments)


def error_name(number):
    return errno.errorcode.get(number, str(number))
