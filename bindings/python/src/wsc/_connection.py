"""A connection for asyncio."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Union

from wsc._native import ffi, lib
from wsc._options import Options
from wsc._reactor import Reactor
from wsc._report import Report
from wsc._session import OK, QUEUE_FULL, STATE, BytesLike, Data, Session, encoded
from wsc.enums import Status
from wsc.exceptions import (
    ConcurrencyError,
    ConnectionClosedOK,
    LibraryError,
    WebSocketError,
    status_error,
)

if TYPE_CHECKING:
    from wsc._reconnect import Attempts

Parts = Union[Iterable[Union[Data, BytesLike]], AsyncIterable[Union[Data, BytesLike]]]

_PING_SIZE = 8
_WHOLE = lib.WSC_PART_WHOLE


class Connection(Session):
    """An open WebSocket connection; `connect` makes it.

    `send` and the others may be called from any number of tasks of the loop that
    connected; `recv` and iteration are for one task at a time. Cancelling any of them
    leaves the connection as it is, and loses nothing; only a `send` of an iterable that
    has begun closes it.
    """

    _poller: Reactor

    def __init__(self, reactor: Reactor, url: str, options: Options) -> None:
        super().__init__(reactor, url, options)
        self._prepare()

    def _prepare(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._receiver: asyncio.Future[None] | None = None
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._pings: dict[bytes, tuple[asyncio.Future[float], float]] = {}
        self._in_parts = False
        self._attempts: Attempts | None = None

    # Waiting.

    def _wake_receiver(self) -> None:
        if self._receiver is not None and _is_waiting(self._receiver):
            self._receiver.set_result(None)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if _is_waiting(waiter):
                waiter.set_result(None)
        self._waiters.clear()

    async def _change(self) -> None:
        """Waits for the next thing to happen that is not a message."""
        self._poller.raise_if_forked()
        waiter = self._loop.create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    async def _open(self) -> None:
        """Connects; what goes wrong, and cancelling it, leaves nothing behind."""
        try:
            self._start()
            while self._response is None:
                self._raise_if_closed()
                await self._change()
        except BaseException:
            self._discard(LibraryError("the attempt was given up", Status.ABORTED))
            raise

    # Being one of several attempts.

    def _successor(self, conn: Any) -> Connection:
        """The connection of the next attempt, on the same handle."""
        other = object.__new__(type(self))
        other._adopt(self._poller, conn)
        other._url, other._limit = self._url, self._limit
        other._prepare()
        other._attempts = self._attempts
        return other

    def _reconnecting(self) -> None:
        if self._attempts is not None:
            self._attempts.renew()
            self._wake()

    def _release(self) -> None:
        if self._attempts is None:
            super()._release()
        else:
            self._conn = ffi.NULL

    # Receiving.

    async def recv(self) -> Data:
        """Receives the next message: text as str, binary as bytes.

        When the connection is over it first returns what came before, and then raises
        ConnectionClosedOK or ConnectionClosedError.
        """
        while not self._messages:
            self._raise_if_closed()
            self._poller.raise_if_forked()
            if self._receiver is not None:
                raise ConcurrencyError("another task waits in recv already")
            self._receiver = self._loop.create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None
        return self._take()

    async def __aiter__(self) -> AsyncIterator[Data]:
        """Receives messages until the connection is closed in order.

        Otherwise ConnectionClosedError is raised.
        """
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            return

    # Sending.

    async def send(self, message: Data | BytesLike | Parts, *, compress: bool = True) -> None:
        """Sends a message: str as text, bytes-like as binary.

        Returns when the message is accepted; it waits while more than
        `send_queue_limit` bytes are to be sent. An iterable, asynchronous or not, is sent
        as one message in parts of that type, while it is iterated over. When that fails
        or is cancelled after the first part, the connection is closed, as nothing else
        can follow the beginning of a message. Without `compress` it is sent as it is,
        whatever was negotiated.
        """
        flags = 0 if compress else lib.WSC_SEND_NO_COMPRESS
        if isinstance(message, (str, bytes, bytearray, memoryview)):
            data, length, kind = encoded(message)
            await self._until_whole()
            await self._do(lib.wsc_conn_send_message, kind, _WHOLE, flags, data, length)
        else:
            await self._send_parts(_iterate(message), flags)

    async def _do(self, function: Any, *arguments: Any) -> None:
        """Calls what the library may have no room for, or be too late for."""
        while True:
            self._raise_if_closed()
            status = function(self._conn, *arguments)
            if status == OK:
                return
            if status not in (QUEUE_FULL, STATE):
                raise status_error(status)
            # There will be room, or the end, of which the library knows before us.
            await self._change()

    async def _until_whole(self) -> None:
        """Waits while another message is sent in parts."""
        while self._in_parts:
            self._raise_if_closed()
            await self._change()

    async def _send_parts(self, parts: AsyncIterator[Data | BytesLike], flags: int) -> None:
        await self._until_whole()
        self._in_parts = True
        begun = False
        try:
            kind, place = None, lib.WSC_PART_FIRST
            async for part in parts:
                data, length, its_kind = encoded(part)
                if its_kind != (kind or its_kind):
                    raise TypeError("the parts of a message are all str or all bytes-like")
                kind = its_kind
                await self._do(lib.wsc_conn_send_message, kind, place, flags, data, length)
                begun, place = True, lib.WSC_PART_MORE
            if kind is not None:
                await self._do(lib.wsc_conn_send_message, kind, lib.WSC_PART_LAST, flags, b"", 0)
                begun = False
        finally:
            if begun and not self._end:
                # The beginning is on its way, and nothing but an end can follow.
                self._begin_close(None, "")
            self._in_parts = False
            self._wake()

    # Pings.

    async def ping(self, data: Data | BytesLike | None = None) -> Awaitable[float]:
        """Sends a ping; await what it returns for the pong and its round trip in seconds.

            latency = await (await ws.ping())

        The library sends pings by itself as well, see `ping_interval`.
        """
        payload = os.urandom(_PING_SIZE) if data is None else bytes(encoded(data)[0])
        if payload in self._pings:
            raise ConcurrencyError("a ping with that payload waits for its pong already")
        pong: asyncio.Future[float] = self._loop.create_future()
        await self._do(lib.wsc_conn_ping, payload, len(payload))
        self._pings[payload] = (pong, time.monotonic())
        return pong

    async def pong(self, data: Data | BytesLike = b"") -> None:
        """Sends a pong that no ping asked for: a heartbeat without an answer."""
        payload = bytes(encoded(data)[0])
        await self._do(lib.wsc_conn_pong, payload, len(payload))

    def _pong(self, payload: bytes) -> None:
        if payload not in self._pings:
            return
        now = time.monotonic()
        # A server that is behind may answer the last of several pings only.
        for sent in list(self._pings):
            pong, then = self._pings[sent]
            if _is_waiting(pong):
                pong.set_result(now - then)
            del self._pings[sent]
            if sent == payload:
                break

    # The end.

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Closes the connection with the close handshake, and waits for its end.

        What was sent before goes out first. `code` is 1000, 3000 to 4999, or None to send
        none. Does nothing if the connection is over. Messages that came before it can
        still be received, up to those for which there is no room: see
        `receive_queue_limit`.
        """
        if not self._end:
            self._begin_close(code, reason)
            await self.wait_closed()

    async def wait_closed(self) -> None:
        """Waits until the connection is over."""
        while not self._end:
            await self._change()

    def _finish(self, report: Report, end: Callable[[], WebSocketError]) -> None:
        for pong, _ in self._pings.values():
            if _is_waiting(pong):
                pong.set_exception(end())
                # Nobody has to await it, so asyncio shall not complain that nobody did.
                pong.exception()
        self._pings.clear()
        super()._finish(report, end)

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        # After an exception the server is not told that all went well.
        await self.close(1000 if error is None else None)


def _is_waiting(future: asyncio.Future[Any]) -> bool:
    """Whether it can be completed: a loop that was closed takes nobody's callbacks."""
    return not future.done() and not future.get_loop().is_closed()


async def _iterate(parts: Parts) -> AsyncIterator[Data | BytesLike]:
    if isinstance(parts, AsyncIterable):
        async for part in parts:
            yield part
    elif isinstance(parts, Iterable) and not isinstance(parts, dict):
        for part in parts:
            yield part
    else:
        raise TypeError(
            f"a message is str, bytes-like or an iterable of such, not {type(parts).__name__}"
        )
