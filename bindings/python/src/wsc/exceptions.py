"""The exceptions. Each is a WebSocketError.

WebSocketError
├── ConnectError                the connection was not opened
│   ├── NetworkError            DNS, TCP; an OSError
│   ├── ConnectTimeout          a deadline of the library passed; a TimeoutError
│   ├── ProxyError              the proxy refused; an OSError
│   ├── TLSError                TLS failed, or the certificate is not accepted; an OSError
│   └── HandshakeError          the server's answer is not the right one
├── ConnectionClosed            the connection is over
│   ├── ConnectionClosedOK      it was closed in order
│   └── ConnectionClosedError   it was lost, failed, or was closed with an error code
├── InvalidArgument             a ValueError
├── ConcurrencyError            two tasks do what only one can do at a time; a RuntimeError
├── ForkedError                 a connection of the parent process; a RuntimeError
└── LibraryError                the library cannot go on
"""

from __future__ import annotations

from email.message import Message

from wsc._native import lib
from wsc._report import Report
from wsc.enums import Phase, Status


class WebSocketError(Exception):
    """The base of all exceptions of this package."""

    def __init__(self, message: str, status: Status = Status.OK) -> None:
        super().__init__(message)
        self.status = status
        """What kind of failure it is."""


class InvalidArgument(WebSocketError, ValueError):
    """An argument is not acceptable. Nothing was changed or sent."""


class ConcurrencyError(WebSocketError, RuntimeError):
    """Two tasks do what only one can do at a time."""


class ForkedError(WebSocketError, RuntimeError):
    """The connection was made before a fork, in the parent process."""


class LibraryError(WebSocketError):
    """The library cannot go on: the system refused something, or it has a bug."""


class _AttemptError(WebSocketError):
    """What the ways in which an attempt ends have in common."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message, report.status if report else Status.OK)
        self.phase = report.phase if report else Phase.NONE
        """How far the connection had come."""
        self.report = report
        """All that is known."""


class ConnectError(_AttemptError):
    """The connection could not be opened."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message, report)
        self.reason = report.reason if report else ""
        """What failed, in words."""


class _SystemError(ConnectError, OSError):
    """An OSError, with the errno if there is one."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message, report)
        self.errno = report.os_error or None if report else None


class NetworkError(_SystemError):
    """The host's name could not be resolved, or the host not be reached."""


class ConnectTimeout(ConnectError, TimeoutError):
    """A deadline passed: `connect_timeout`, `handshake_timeout` or a phase's own."""


class ProxyError(_SystemError):
    """The proxy refused; `report.proxy_status` has its answer."""


class TLSError(_SystemError):
    """TLS failed, or the server's certificate is not accepted; `status` says why."""


class HandshakeError(ConnectError):
    """The server's answer does not open a WebSocket."""

    @property
    def http_status(self) -> int:
        """The HTTP status of the answer; 0 if it was not HTTP."""
        return self.report.http_status if self.report else 0

    @property
    def headers(self) -> Message:
        """The fields of the answer; case does not matter."""
        response = self.report and self.report.response
        return response.headers if response else Message()

    @property
    def body(self) -> bytes:
        """The first 4096 bytes of the answer's body."""
        response = self.report and self.report.response
        return response.body if response else b""


class ConnectionClosed(_AttemptError):
    """The connection is over."""

    def __init__(
        self,
        message: str,
        report: Report | None = None,
        *,
        code: int = 1006,
        reason: str = "",
        clean: bool = False,
        by_peer: bool = False,
        unsent: int = 0,
    ) -> None:
        super().__init__(message, report)
        self.code = code
        """The close code; 1005 if the close frame had none, 1006 if there was no close frame."""
        self.reason = reason
        """The reason in the close frame."""
        self.clean = clean
        """Whether both sides sent a close frame."""
        self.by_peer = by_peer
        """Whether the server began."""
        self.unsent = unsent
        """How many messages were accepted and not handed to the kernel."""


class ConnectionClosedOK(ConnectionClosed):
    """The connection was closed in order.

    By this side, or by the server with code 1000, 1001 or none.
    """


class ConnectionClosedError(ConnectionClosed):
    """The connection was lost, failed, or was closed with another code."""


def connect_error(report: Report) -> ConnectError:
    """The exception for an attempt that did not open."""
    status = report.status
    cause = report.reason or status.text
    message = f"{cause} ({report.phase.name.lower()})"
    if status is Status.TIMEOUT:
        return ConnectTimeout(message, report)
    if status in (Status.PROXY, Status.PROXY_AUTH, Status.PROXY_PROTOCOL):
        return ProxyError(message, report)
    for first, last, kind in (
        (40, 59, NetworkError),
        (60, 79, TLSError),
        (80, 99, HandshakeError),
    ):
        if first <= status <= last:
            return kind(message, report)
    return ConnectError(message, report)


def status_error(status: int, subject: str = "") -> WebSocketError:
    """The exception for the status of a call."""
    known = Status(status)
    message = f"{subject}: {known.text}" if subject else known.text
    if known is Status.FORKED:
        return ForkedError(message, known)
    if known < Status.STATE:
        return InvalidArgument(message, known)
    return LibraryError(message, known)


def check(status: int, subject: str = "") -> None:
    """Raises unless the status is success."""
    if status != lib.WSC_OK:
        raise status_error(status, subject)
