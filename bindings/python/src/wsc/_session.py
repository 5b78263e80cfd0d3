"""What asyncio's and the blocking connection have in common.

A Session is one WebSocket: what its events said, and what can be done with it without
waiting. A Poller is a loop of the library, which gives sessions their events. Neither
knows how to wait.
"""

from __future__ import annotations

import os
import struct
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Union

from wsc._native import ffi, lib
from wsc._options import Options, apply, string
from wsc._report import Report, Response, report_of, response_of
from wsc.enums import Status
from wsc.exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ForkedError,
    WebSocketError,
    check,
    connect_error,
    status_error,
)

Data = Union[str, bytes]
"""A message: str is text, bytes is binary."""
BytesLike = Union[bytes, bytearray, memoryview]

OK = lib.WSC_OK
QUEUE_FULL = lib.WSC_ERR_QUEUE_FULL
STATE = lib.WSC_ERR_STATE

_MESSAGE = lib.WSC_EVENT_MESSAGE
_TEXT = lib.WSC_MESSAGE_TEXT
_CHARS = ffi.typeof("char *")

_BATCH = 256
_EVENT_SIZE = ffi.sizeof("wsc_event_t")

_RECEIVE_LIMIT = 256 * 1024
"""From how many bytes of messages that wait for recv the library is told to pause."""
_MESSAGE_COST = 64
"""What a message counts beside its payload."""

_ORDERLY_CODES = (1000, 1001, 1005)
_COUNTERS = {
    name[len("WSC_COUNTER_") :].lower(): value
    for name, value in ffi.typeof("wsc_counter_t").relements.items()
}


def _event_format(*fields: str) -> struct.Struct:
    """Reads the fields of an event, which are in their order, at once."""
    codes = {4: "i", 8: "Q"}
    members = dict(ffi.typeof("wsc_event_t").fields)
    text, end = "=", 0
    for name in fields:
        member = members[name]
        size = ffi.sizeof(member.type)
        text += f"{member.offset - end}x{codes[size]}"
        end = member.offset + size
    return struct.Struct(f"{text}{_EVENT_SIZE - end}x")


_EVENT = _event_format("conn_id", "data", "len", "type", "message_type")


class _Delivery(NamedTuple):
    """What a session is given at once: an event, or the messages of several in a row."""

    conn_id: int
    event: Any
    messages: Iterator[Data]
    size: int


class Poller:
    """A loop of the library and the sessions on it."""

    def __init__(self) -> None:
        out = ffi.new("wsc_loop_t **")
        check(lib.wsc_loop_new(lib.WSC_CALLBACKS_ON_DISPATCH, out))
        self.native = ffi.gc(out[0], lib.wsc_loop_free)
        self.sessions: dict[int, Session] = {}
        self._events = ffi.new("wsc_event_t[]", _BATCH)
        self._bytes = memoryview(ffi.buffer(self._events))
        self._count = ffi.new("size_t *")
        # Of the events that the library gave, what is still to be delivered. None: they
        # are as the library gave them.
        self._left: deque[_Delivery] | None = deque()
        self._forked = False
        _pollers.add(self)

    def poll(self, timeout_ms: int) -> None:
        """Waits for events, takes a batch of them, and gives each to its session.

        A signal handler may raise at any point of it. What is not delivered then is
        delivered by the next call, before it asks the library again.
        """
        if self._left is not None and not self._left:
            self._count[0], self._left = 0, None
        if self._left is None and not self._count[0]:
            check(lib.wsc_loop_poll(self.native, self._events, _BATCH, timeout_ms, self._count))
        if self._left is None:
            self._left = self._sorted()
        self._deliver(self._left)

    def _sorted(self) -> deque[_Delivery]:
        """The events of the batch; a burst of messages to one session becomes one list."""
        deliveries: deque[_Delivery] = deque()
        # The payloads are the library's until the next poll, so they are copied here.
        unpack, cast = ffi.unpack, ffi.cast
        burst_id = size = 0
        messages: list[Data] = []
        for index, (conn_id, address, length, kind, message_type) in enumerate(
            _EVENT.iter_unpack(self._bytes[: self._count[0] * _EVENT_SIZE])
        ):
            if messages and (kind != _MESSAGE or conn_id != burst_id):
                deliveries.append(_Delivery(burst_id, None, iter(messages), size))
                messages, size = [], 0
            if kind != _MESSAGE:
                deliveries.append(_Delivery(conn_id, self._events[index], iter(()), 0))
                continue
            burst_id = conn_id
            data = unpack(cast(_CHARS, address), length)
            messages.append(data.decode() if message_type == _TEXT else data)
            size += length + _MESSAGE_COST
        if messages:
            deliveries.append(_Delivery(burst_id, None, iter(messages), size))
        return deliveries

    def _deliver(self, left: deque[_Delivery]) -> None:
        """Makes each delivery, then forgets it; one may be made twice, and bears it."""
        while left:
            self.raise_if_forked()
            conn_id, event, messages, size = left[0]
            session = self.sessions.get(conn_id)
            if session is not None and event is None:
                session._receive(messages, size)
            elif session is not None:
                session._handle(event)
            left.popleft()

    def raise_if_forked(self) -> None:
        """Raises in a child, where everything that was inherited is the parent's."""
        if self._forked:
            raise ForkedError(Status.FORKED.text, Status.FORKED)

    def free(self) -> None:
        """Frees the loop of the library; the sessions on it end without further events."""
        self._left = deque()
        native, self.native = self.native, ffi.NULL
        ffi.release(native)


_pollers: weakref.WeakSet[Poller] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """In a forked child: the loops are the parent's, with the events they gave."""
    for poller in list(_pollers):
        poller._forked = True


os.register_at_fork(after_in_child=_leave_to_parent)


class Session:
    """One WebSocket connection: its handle, its state and the messages that wait."""

    def __init__(self, poller: Poller, url: str, options: Options) -> None:
        out = ffi.new("wsc_conn_t **")
        check(lib.wsc_conn_new(poller.native, string(url, Status.URL), out), "url")
        self._adopt(poller, ffi.gc(out[0], lib.wsc_conn_free))
        self._url = _without_credentials(url)
        apply(self._conn, options)
        self._limit = min(_RECEIVE_LIMIT, options.get("receive_queue_limit", _RECEIVE_LIMIT))

    def _adopt(self, poller: Poller, conn: Any) -> None:
        """Begins with a handle."""
        self._poller = poller
        self._conn = conn
        self._id: int = lib.wsc_conn_id(conn)
        self._response: Response | None = None
        self._end: Callable[[], WebSocketError] | None = None
        self._report: Report | None = None
        self._counters: dict[str, int] = {}
        self._messages: deque[Data] = deque()
        self._held = 0
        self._paused = False
        self._closing = False
        self._cut = False
        self._addresses: tuple[str, str] = ("", "")
        self._subprotocol = self._extensions = ""

    # What the subclasses do about waiting.

    def _wake_receiver(self) -> None:
        """Messages came, or the end."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Something else happened: opened, drained, over."""
        raise NotImplementedError

    def _pong(self, payload: bytes) -> None:
        """A pong came."""
        raise NotImplementedError

    # What the server said.

    @property
    def response(self) -> Response:
        """The server's answer to the upgrade request."""
        assert self._response is not None, "connect waits for it"
        return self._response

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose."""
        return self._subprotocol or None

    @property
    def extensions(self) -> str | None:
        """The extensions that the server chose, with their parameters."""
        return self._extensions or None

    @property
    def remote_address(self) -> str | None:
        """The server's end of the socket, such as `192.0.2.1:80` or `[2001:db8::1]:80`."""
        return self._addresses[0] or None

    @property
    def local_address(self) -> str | None:
        """Our end of the socket."""
        return self._addresses[1] or None

    # How it stands.

    @property
    def closed(self) -> bool:
        """Whether the connection is over."""
        return self._end is not None

    @property
    def close_code(self) -> int | None:
        """The close code, None while the connection is open."""
        error = self._end and self._end()
        return error.code if isinstance(error, ConnectionClosed) else None

    @property
    def close_reason(self) -> str | None:
        """The close reason, None while the connection is open."""
        error = self._end and self._end()
        return error.reason if isinstance(error, ConnectionClosed) else None

    @property
    def latency(self) -> float:
        """The last measured round trip of a ping in seconds, 0 if none was yet."""
        return self.counters["round_trip_us"] / 1e6

    @property
    def buffered_amount(self) -> int:
        """How many bytes wait to be sent."""
        return 0 if self._end else int(lib.wsc_conn_buffered_amount(self._conn))

    @property
    def counters(self) -> dict[str, int]:
        """What the library counts: `bytes_received`, `messages_sent`, `memory_bytes`, ..."""
        return self._counters or _counters_of(self._conn)

    @property
    def report(self) -> Report:
        """What is known of the attempt so far, or when it is over, in all."""
        return self._report or report_of(self._conn)

    def __repr__(self) -> str:
        state = "closed" if self._end else "open" if self._response else "connecting"
        return f"<{type(self).__module__}.{type(self).__name__} {self._url} {state}>"

    # What the library tells. Each of these bears being told the same again.

    def _handle(self, event: Any) -> None:
        """Takes an event that is not a message."""
        kind = event.type
        if kind == lib.WSC_EVENT_HANDSHAKE:
            self._opened(bytes(ffi.buffer(event.data, event.len)))
        elif kind == lib.WSC_EVENT_PONG:
            self._pong(bytes(ffi.buffer(event.data, event.len)))
        elif kind == lib.WSC_EVENT_BUFFER_DRAIN:
            self._wake()
        elif kind == lib.WSC_EVENT_CLOSE:
            self._closed(event)
        elif kind == lib.WSC_EVENT_RECONNECT:
            self._reconnecting()

    def _opened(self, head: bytes) -> None:
        self._response = response_of(head)
        self._addresses = (
            _ask(lib.wsc_conn_peer_address, self._conn),
            _ask(lib.wsc_conn_local_address, self._conn),
        )
        self._subprotocol = _ask(lib.wsc_conn_subprotocol, self._conn)
        self._extensions = _ask(lib.wsc_conn_extensions, self._conn)
        self._wake()

    def _closed(self, event: Any) -> None:
        report = report_of(self._conn)
        if self._response is None:
            self._finish(report, lambda: connect_error(report))
            return
        code, clean, by_peer, unsent = event.code, event.clean, event.by_peer, event.unsent
        reason = bytes(ffi.buffer(event.data, event.len)).decode()
        kind: type[ConnectionClosed] = ConnectionClosedError
        if clean and not report.status and (not by_peer or code in _ORDERLY_CODES):
            kind = ConnectionClosedOK
        message = _describe(report, code, reason, by_peer)
        self._finish(
            report,
            lambda: kind(
                message,
                report,
                code=code,
                reason=reason,
                clean=bool(clean),
                by_peer=bool(by_peer),
                unsent=unsent,
            ),
        )

    def _finish(self, report: Report, end: Callable[[], WebSocketError]) -> None:
        """The attempt is over; `end` makes the exception for each call that comes too late."""
        if not self._end:
            self._report = report
            self._counters = _counters_of(self._conn)
            self._end = end
        self._wake_receiver()
        self._wake()
        # The last, as no event finds a session that was released.
        self._release()

    def _release(self) -> None:
        """Gives the handle up."""
        self._poller.sessions.pop(self._id, None)
        # Calls that come later get a status for NULL.
        conn, self._conn = self._conn, ffi.NULL
        ffi.release(conn)

    def _reconnecting(self) -> None:
        """A reconnect begins, for those who asked for it."""

    # Receiving.

    def _receive(self, messages: Iterator[Data], size: int) -> None:
        """Takes messages out of an iterator; with too many of them the library stops reading."""
        if not self._messages:
            self._held = 0
        if self._closing and self._held >= self._limit:
            # The peer's close frame is behind what perhaps nobody wants any more. Nothing
            # is taken after what was not, so that what can be received has no gap.
            self._cut = True
        if self._cut:
            return
        self._held += size
        self._messages.extend(messages)
        if self._messages and self._held >= self._limit and not self._closing:
            self._pause()
        self._wake_receiver()

    def _take(self) -> Data:
        """The first of the messages, of which there is one."""
        self._poller.raise_if_forked()
        message = self._messages[0]
        if self._paused and len(self._messages) == 1:
            self._resume()
        del self._messages[0]
        return message

    def _pause(self) -> None:
        if not self._paused and not self._end:
            self._paused = True
            lib.wsc_conn_pause_recv(self._conn)

    def _resume(self) -> None:
        if self._paused and not self._end:
            self._paused = False
            lib.wsc_conn_resume_recv(self._conn)

    # Beginning and ending.

    def _start(self) -> None:
        """Begins to connect."""
        self._poller.sessions[self._id] = self
        check(lib.wsc_conn_connect(self._conn))

    def _discard(self, error: WebSocketError) -> None:
        """Ends at once, without a word to the server."""
        if not self._end:
            self._finish(report_of(self._conn), lambda: type(error)(str(error)))

    def _begin_close(self, code: int | None, reason: str) -> None:
        data = reason.encode()
        status = lib.wsc_conn_close(self._conn, code or 0, data, len(data))
        if status not in (OK, STATE):
            raise status_error(status, f"close({code!r}, {reason!r})")
        self._closing = True
        self._resume()

    def abort(self) -> None:
        """Ends the connection at once, without the close handshake."""
        if not self._end:
            check(lib.wsc_conn_abort(self._conn))
            self._closing = True

    def _raise_if_closed(self) -> None:
        if self._end:
            raise self._end()


def encoded(message: Data | BytesLike) -> tuple[Any, int, int]:
    """A message for C: its data, length and type."""
    if isinstance(message, str):
        data: Any = message.encode()
        return data, len(data), _TEXT
    if isinstance(message, bytes):
        return message, len(message), lib.WSC_MESSAGE_BINARY
    if isinstance(message, (bytearray, memoryview)):
        data = ffi.from_buffer(message)
        return data, len(data), lib.WSC_MESSAGE_BINARY
    raise TypeError(f"a message is str or bytes-like, not {type(message).__name__}")


def _counters_of(conn: Any) -> dict[str, int]:
    counters, value = {}, ffi.new("uint64_t *")
    for name, counter in _COUNTERS.items():
        lib.wsc_conn_counter(conn, counter, value)
        counters[name] = int(value[0])
    return counters


def _describe(report: Report, code: int, reason: str, by_peer: bool) -> str:
    if report.status:
        return f"{report.reason or report.status.text} ({report.phase.name.lower()})"
    side = "the server" if by_peer else "this side"
    return f"{side} closed the connection: {code} {reason}".rstrip()


def _ask(function: Any, conn: Any) -> str:
    """A text that the library writes into a buffer."""
    size = 64
    while True:
        buffer = ffi.new("char[]", size)
        status = function(conn, buffer, size)
        if status == lib.WSC_ERR_TOO_BIG:
            size *= 4
            continue
        return "" if status else bytes(ffi.string(buffer)).decode("latin-1")


def _without_credentials(url: str) -> str:
    """The URL for people to see."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return f"{scheme}{separator}{host}{slash}{path.partition('?')[0]}"
