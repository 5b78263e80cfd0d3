"""A WebSocket client for asyncio over the native library libwsc.

    async with wsc.connect("ws://127.0.0.1:1234") as ws:
        await ws.send("hello")
        print(await ws.recv())

`connect` makes a `Connection`. `wsc.sync` has the same for programs without asyncio. The
exceptions are in `wsc.exceptions`, and here as well.
"""

from wsc._client import connect
from wsc._connection import Connection
from wsc._native import library_version
from wsc._options import TLS, Deflate, Options
from wsc._report import Report, Response
from wsc._version import __version__
from wsc.enums import Phase, Retry, Status
from wsc.exceptions import (
    ConcurrencyError,
    ConnectError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ConnectTimeout,
    ForkedError,
    HandshakeError,
    InvalidArgument,
    LibraryError,
    NetworkError,
    ProxyError,
    TLSError,
    WebSocketError,
)

__all__ = [
    "TLS",
    "ConcurrencyError",
    "ConnectError",
    "ConnectTimeout",
    "Connection",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Deflate",
    "ForkedError",
    "HandshakeError",
    "InvalidArgument",
    "LibraryError",
    "NetworkError",
    "Options",
    "Phase",
    "ProxyError",
    "Report",
    "Response",
    "Retry",
    "Status",
    "TLSError",
    "WebSocketError",
    "__version__",
    "connect",
    "library_version",
]
