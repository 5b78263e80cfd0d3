"""A server whose side of each connection is a script of the test."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Peer:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.request = ""
        self.fin = True

    async def read_request(self) -> str:
        self.request = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        return self.request

    def header(self, name: str) -> str | None:
        """A field of the request."""
        for line in self.request.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def accept(self, *fields: str) -> None:
        """Reads the request and opens the WebSocket."""
        await self.read_request()
        key = f"{self.header('Sec-WebSocket-Key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.answer(
            "101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
            *fields,
        )

    def answer(self, status: str, *fields: str, body: bytes = b"") -> None:
        head = "\r\n".join((f"HTTP/1.1 {status}", *fields, "", ""))
        self.writer.write(head.encode("latin-1") + body)

    def frame(self, op: int, payload: bytes | str = b"", fin: bool = True) -> None:
        data = payload.encode() if isinstance(payload, str) else payload
        head = bytes([op | (0x80 if fin else 0)])
        if len(data) < 126:
            head += bytes([len(data)])
        elif len(data) < 1 << 16:
            head += struct.pack(">BH", 126, len(data))
        else:
            head += struct.pack(">BQ", 127, len(data))
        self.writer.write(head + data)

    def close(self, code: int, reason: str = "") -> None:
        self.frame(CLOSE, struct.pack(">H", code) + reason.encode())

    async def read(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload; `fin` tells whether it ends its message."""
        first, second = await self.reader.readexactly(2)
        self.fin = bool(first & 0x80)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(length)
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
        return first & 0x0F, (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")

    async def echo(self) -> None:
        """Sends messages back until the client closes."""
        while True:
            op, payload = await self.read()
            if op == PONG:
                continue
            if op == PING:
                op = PONG
            self.frame(op, payload, self.fin)
            await self.writer.drain()
            if op == CLOSE:
                return

    async def until_end(self) -> None:
        """Answers the client's close frame, if one comes."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                op, payload = await self.read()
                if op == CLOSE:
                    self.frame(CLOSE, payload)
                    return

    def reset(self) -> None:
        """Ends the TCP connection with a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Runs the script for each connection, and gives the URL. Its errors fail the test."""
    scripts: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(Peer(reader, writer))
        finally:
            writer.close()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        scripts.add(asyncio.ensure_future(run(reader, writer)))

    server = await asyncio.start_server(start, "127.0.0.1", 0, ssl=tls)
    scheme = "wss" if tls else "ws"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*scripts)
    finally:
        server.close()
        for task in scripts:
            task.cancel()
        await asyncio.gather(*scripts, return_exceptions=True)


def opened(script: Script, *fields: str) -> Script:
    """A script that begins when the WebSocket is open."""

    async def run(peer: Peer) -> None:
        await peer.accept(*fields)
        await script(peer)

    return run


async def echo(peer: Peer) -> None:
    await peer.accept()
    await peer.echo()


async def until_end(peer: Peer) -> None:
    await peer.accept()
    await peer.until_end()
