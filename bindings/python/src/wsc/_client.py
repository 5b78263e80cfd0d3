"""`connect`: how asyncio programs get a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any

from wsc._connection import Connection
from wsc._options import Options
from wsc._reactor import Reactor
from wsc._reconnect import Attempts

if TYPE_CHECKING:
    from typing_extensions import Unpack


class connect:
    """Connects to a WebSocket server, in one of three ways.

        async with wsc.connect(url) as ws: ...   # closes it at the end
        ws = await wsc.connect(url)              # close it yourself
        async for ws in wsc.connect(url): ...    # connects again and again

    `url` begins with `ws://`, `wss://`, `ws+unix://` or `wss+unix://`. The options are those
    of `Options`. A connection that cannot be opened raises a ConnectError.

    The third form gives the body a new connection whenever the last is over, be it lost
    or closed. It waits in between as the `reconnect_` options say, and raises when
    another attempt cannot help. An exception in the body ends it, so catch
    ConnectionClosed there.
    """

    def __init__(self, url: str, **options: Unpack[Options]) -> None:
        self._url = url
        self._options: Options = options
        self._connection: Connection | None = None

    def __await__(self) -> Generator[Any, None, Connection]:
        return self._open().__await__()

    async def _open(self) -> Connection:
        reactor = await Reactor.running()
        connection = Connection(reactor, self._url, self._options)
        await connection._open()
        return connection

    async def __aenter__(self) -> Connection:
        self._connection = await self._open()
        return self._connection

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        if self._connection is not None:
            await self._connection.__aexit__(kind, error, traceback)

    async def __aiter__(self) -> AsyncIterator[Connection]:
        attempts = Attempts(await Reactor.running(), self._url, self._options)
        try:
            attempts.start()
            while True:
                async with await attempts.next() as connection:
                    yield connection
        finally:
            attempts.free()
