"""A connection that comes back: what `async for ws in connect(...)` iterates over."""

from __future__ import annotations

from typing import Any

from wsc._connection import Connection
from wsc._native import ffi, lib
from wsc._options import Options
from wsc._reactor import Reactor
from wsc.enums import Status
from wsc.exceptions import LibraryError, check


class Attempts:
    """One handle of the library, which reconnects, and a Connection for each attempt.

    The library decides when and whether. It connects again while the program is still
    busy with what the lost connection left, so the newest is handed out and not each.
    """

    def __init__(self, reactor: Reactor, url: str, options: Options) -> None:
        self._reactor = reactor
        self._current = Connection(reactor, url, options)
        self._conn: Any = self._current._conn
        self._id = self._current._id
        self._given: Connection | None = None
        check(lib.wsc_conn_set_auto_reconnect(self._conn, True))
        self._current._attempts = self

    def start(self) -> None:
        """Begins with the first attempt."""
        self._current._start()

    def renew(self) -> None:
        """The next attempt begins."""
        self._current = self._current._successor(self._conn)
        self._reactor.sessions[self._id] = self._current

    async def next(self) -> Connection:
        """Waits for the next connection; raises if there will be none."""
        while True:
            current = self._current
            if current is not self._given and current._response is not None:
                self._given = current
                return current
            if current._end and lib.wsc_conn_state(self._conn) != lib.WSC_STATE_WAITING:
                if not (current is self._given and current._closing):
                    raise current._end()
                # The program closed it and asks for another.
                self.renew()
                self._current._start()
                continue
            await current._change()

    def free(self) -> None:
        """Frees the handle; an attempt that is under way ends at once."""
        # The program may still have the connection, whose handle this is as well.
        self._current._discard(LibraryError("the connection was given up", Status.ABORTED))
        self._reactor.sessions.pop(self._id, None)
        conn, self._conn = self._conn, ffi.NULL
        ffi.release(conn)
