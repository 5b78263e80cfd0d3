"""One loop of the library for each loop of asyncio."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncGenerator

from wsc._native import lib
from wsc._session import Poller
from wsc.enums import Status
from wsc.exceptions import LibraryError, WebSocketError


class Reactor(Poller):
    """A loop of the library, polled when asyncio sees its descriptor readable."""

    def __init__(self, host: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._host = host
        self._fd = lib.wsc_loop_fd(self.native)
        host.add_reader(self._fd, self._readable)
        self._guard = self._until_shutdown()

    @classmethod
    async def running(cls) -> Reactor:
        """The one of the running loop, made with the first call."""
        host = asyncio.get_running_loop()
        reactor = _reactors[host]() if host in _reactors else None
        if reactor is None:
            _sweep()
            reactor = cls(host)
            _reactors[host] = weakref.ref(reactor)
            await reactor._guard.__anext__()
        return reactor

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        """Ends when `asyncio.run` does, which closes the generators of its loop last."""
        try:
            yield
        finally:
            self.close("the event loop was closed")

    def _readable(self) -> None:
        try:
            self.poll(0)
        except WebSocketError as error:
            self.close(str(error))
        except BaseException:
            # Of a signal handler. The descriptor tells nothing of what was taken already.
            self._host.call_soon(self._readable)
            raise

    def close(self, reason: str) -> None:
        """Ends all connections and frees the loop of the library."""
        if _reactors.pop(self._host, None) is None:
            return
        if not self._host.is_closed():
            self._host.remove_reader(self._fd)
        for session in list(self.sessions.values()):
            session._discard(LibraryError(reason, Status.ABORTED))
        self.free()


# An open loop holds its reactor, as it watches the descriptor. One that was closed and
# let go is collected together with it, which frees the loop of the library.
_reactors: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Reactor]] = (
    weakref.WeakKeyDictionary()
)


def _sweep() -> None:
    """Frees what belongs to loops that were closed without `asyncio.run`."""
    for reference in list(_reactors.values()):
        reactor = reference()
        if reactor is not None and reactor._host.is_closed():
            reactor.close("the event loop was closed")


# In a forked child the loops are the parent's, asyncio's as well.
os.register_at_fork(after_in_child=_reactors.clear)
