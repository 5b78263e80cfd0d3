"""Connections for programs without asyncio.

    with wsc.sync.connect("ws://127.0.0.1:1234") as ws:
        ws.send("hello")
        print(ws.recv())

Each call waits by itself. Between the calls a thread of the library answers pings and
reads ahead, up to the limits. One thread at a time may use a connection. A signal
handler may raise an exception, which loses nothing, but not use a connection while a
call on it waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from wsc._native import lib
from wsc._options import Options, milliseconds
from wsc._session import OK, QUEUE_FULL, STATE, BytesLike, Data, Poller, Session, encoded
from wsc.enums import Status
from wsc.exceptions import ConnectionClosedOK, LibraryError, status_error

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Connection", "connect"]

_PING_SIZE = 8


def connect(url: str, **options: Unpack[Options]) -> Connection:
    """Connects to a WebSocket server, and waits until the connection is open.

    URL, options and exceptions are those of `wsc.connect`; there are no reconnects. Use
    the connection in a `with` statement, or call its `close`.
    """
    connection = Connection(Poller(), url, options)
    try:
        connection._open()
    except BaseException:
        connection._discard(LibraryError("the attempt was given up", Status.ABORTED))
        raise
    return connection


class Connection(Session):
    """An open WebSocket connection whose calls wait."""

    def __init__(self, poller: Poller, url: str, options: Options) -> None:
        super().__init__(poller, url, options)
        self._ponged = b""

    def _wake_receiver(self) -> None:
        """Nobody waits while events are delivered."""

    def _wake(self) -> None:
        """Nobody waits while events are delivered."""

    def _pong(self, payload: bytes) -> None:
        self._ponged = payload

    def _wait(self, ready: Callable[[], object], timeout: float | None) -> None:
        """Polls until something is so, the connection is over, or the time is."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not ready() and not self._end:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._poller.poll(milliseconds(remaining))
            if remaining == 0 and not ready() and not self._end:
                raise TimeoutError("nothing came in time; the connection is as it was")

    def _open(self) -> None:
        self._start()
        self._wait(lambda: self._response, None)
        if self._response is None:
            self._raise_if_closed()

    def recv(self, timeout: float | None = None) -> Data:
        """Receives the next message: text as str, binary as bytes.

        Waits at most `timeout` seconds and then raises TimeoutError; nothing is lost. When
        the connection is over it first returns what came before, and then raises
        ConnectionClosedOK or ConnectionClosedError.
        """
        self._wait(lambda: self._messages, timeout)
        if not self._messages:
            self._raise_if_closed()
        return self._take()

    def __iter__(self) -> Iterator[Data]:
        """Receives messages until the connection is closed in order.

        Otherwise ConnectionClosedError is raised.
        """
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return

    def send(self, message: Data | BytesLike, *, compress: bool = True) -> None:
        """Sends a message: str as text, bytes-like as binary.

        Returns when the message is accepted; it waits while more than
        `send_queue_limit` bytes are to be sent. Without `compress` it is sent as it is,
        whatever was negotiated.
        """
        data, length, kind = encoded(message)
        flags = 0 if compress else lib.WSC_SEND_NO_COMPRESS
        self._do(lib.wsc_conn_send_message, kind, lib.WSC_PART_WHOLE, flags, data, length)

    def _do(self, function: Any, *arguments: Any) -> None:
        """Calls what the library may have no room for, or be too late for."""
        while True:
            self._raise_if_closed()
            status = function(self._conn, *arguments)
            if status == OK:
                return
            if status not in (QUEUE_FULL, STATE):
                raise status_error(status)
            self._poller.poll(lib.WSC_FOREVER)

    def ping(self, data: Data | BytesLike | None = None, timeout: float | None = None) -> float:
        """Sends a ping, waits for its pong, and returns the round trip in seconds."""
        payload = os.urandom(_PING_SIZE) if data is None else bytes(encoded(data)[0])
        then = time.monotonic()
        self._ponged = b""
        self._do(lib.wsc_conn_ping, payload, len(payload))
        self._wait(lambda: self._ponged == payload, timeout)
        self._raise_if_closed()
        return time.monotonic() - then

    def pong(self, data: Data | BytesLike = b"") -> None:
        """Sends a pong that no ping asked for: a heartbeat without an answer."""
        payload = bytes(encoded(data)[0])
        self._do(lib.wsc_conn_pong, payload, len(payload))

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Closes the connection with the close handshake, and waits for its end.

        As `wsc.Connection.close`.
        """
        if not self._end:
            self._begin_close(code, reason)
            self._wait(lambda: False, None)

    def _release(self) -> None:
        super()._release()
        self._poller.free()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.close(1000 if error is None else None)
