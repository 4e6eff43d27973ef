# SPDX-License-Identifier: BSD-3-Clause
"""The guest's end of a --stream socket, as QEMU's -netdev stream is: 4 bytes of length before each frame."""
import socket

import vfio_user_client as vu


class StreamClient:
    """@where: a path, or a socket that is connected. @timeout: of each read and write, in seconds; None: wait."""

    def __init__(self, where, timeout=vu.DEADLINE):
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(where)
        else:
            self.socket = where
            self.socket.settimeout(timeout)

    def close(self):
        self.socket.close()

    def send(self, frame):
        self.socket.sendall(len(frame).to_bytes(4, "big") + frame)

    def receive(self):
        """The next frame, whatever it is."""
        return self.exactly(int.from_bytes(self.exactly(4), "big"))

    def exactly(self, size):
        """So many bytes; EOFError if there are no more."""
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data
