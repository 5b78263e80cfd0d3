"""What the library tells about an attempt to connect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from wsc._native import ffi, lib
from wsc.enums import Phase, Retry, Status

_OK = lib.WSC_OK
_MICROSECOND = 1e-6


@dataclass(frozen=True)
class Response:
    """The server's answer to the upgrade request."""

    status_code: int
    """101 if the connection was opened."""
    reason_phrase: str
    """What the status line says after the code."""
    headers: Message
    """The fields: `headers["Server"]`, `headers.get_all("Set-Cookie")`; case does not matter."""
    body: bytes = b""
    """The first 4096 bytes of a refusal's body."""


@dataclass(frozen=True)
class Report:
    """An attempt in numbers and texts; 0 and empty where there is nothing to tell."""

    attempt: int
    """1 for the first attempt of a connection, one more for each reconnect."""
    status: Status
    """How it ended; OK until then, and after an end without a failure."""
    phase: Phase
    """How far it came."""
    reason: str
    """What failed, in words."""
    os_error: int
    """The errno of the failure."""
    http_status: int
    """What the server answered."""
    proxy_status: int
    """The HTTP status or SOCKS code of a proxy that refused."""
    retry: Retry
    """Whether another attempt can help."""
    retry_after: float
    """The seconds that the server asked to wait."""
    redirects: int
    """How many redirects were followed."""
    tls_version: int
    """As in `ssl.TLSVersion`."""
    alpn: str
    """The protocol that was agreed on in TLS."""
    peer_certificate: bytes
    """The server's certificate, in DER."""
    addresses: tuple[str, ...]
    """The addresses tried, each with its error if there is one."""
    seconds: Mapping[Phase, float]
    """How long each phase took."""
    response: Response | None
    """The server's answer, if it was HTTP."""


def report_of(conn: Any) -> Report:
    """The report on the last attempt of a connection of the library."""
    return Report(
        attempt=_number(conn, lib.WSC_REPORT_ATTEMPT),
        status=Status(_number(conn, lib.WSC_REPORT_STATUS)),
        phase=Phase(_number(conn, lib.WSC_REPORT_PHASE)),
        reason=_text(conn, lib.WSC_REPORT_REASON),
        os_error=_number(conn, lib.WSC_REPORT_OS_ERROR),
        http_status=_number(conn, lib.WSC_REPORT_HTTP_STATUS),
        proxy_status=_number(conn, lib.WSC_REPORT_PROXY_STATUS),
        retry=Retry(_number(conn, lib.WSC_REPORT_RETRY)),
        retry_after=_number(conn, lib.WSC_REPORT_RETRY_AFTER_MS) / 1000,
        redirects=_number(conn, lib.WSC_REPORT_REDIRECTS),
        tls_version=_number(conn, lib.WSC_REPORT_TLS_VERSION),
        alpn=_text(conn, lib.WSC_REPORT_ALPN),
        peer_certificate=_data(conn, lib.WSC_REPORT_PEER_CERTIFICATE),
        addresses=tuple(_text(conn, lib.WSC_REPORT_ADDRESSES).splitlines()),
        seconds={
            phase: _number(conn, number) * _MICROSECOND
            for phase, number in (
                (Phase.DNS, lib.WSC_REPORT_DNS_US),
                (Phase.TCP, lib.WSC_REPORT_TCP_US),
                (Phase.PROXY, lib.WSC_REPORT_PROXY_US),
                (Phase.TLS, lib.WSC_REPORT_TLS_US),
                (Phase.UPGRADE, lib.WSC_REPORT_UPGRADE_US),
                (Phase.OPEN, lib.WSC_REPORT_OPEN_US),
            )
        },
        response=response_of(_data(conn, lib.WSC_REPORT_HEAD), _data(conn, lib.WSC_REPORT_BODY)),
    )


def response_of(head: bytes, body: bytes = b"") -> Response | None:
    """Takes a response head apart; None if it is none."""
    line, line_len = ffi.new("const void **"), ffi.new("size_t *")
    if lib.wsc_http_status_line(head, len(head), line, line_len) != _OK:
        return None
    _, code, *phrase = _string(line[0], line_len[0]).split(" ", 2)
    return Response(int(code), "".join(phrase), _headers(head), body)


def _headers(head: bytes) -> Message:
    headers = Message()
    name, value = ffi.new("const void **"), ffi.new("const void **")
    name_len, value_len = ffi.new("size_t *"), ffi.new("size_t *")
    index = 0
    while lib.wsc_http_header_at(head, len(head), index, name, name_len, value, value_len) == _OK:
        headers[_string(name[0], name_len[0])] = _string(value[0], value_len[0])
        index += 1
    return headers


def _number(conn: Any, number: int) -> int:
    value = ffi.new("uint64_t *")
    lib.wsc_conn_report_number(conn, number, value)
    return int(value[0])


def _data(conn: Any, data: int) -> bytes:
    length = ffi.new("size_t *")
    lib.wsc_conn_report_data(conn, data, ffi.NULL, 0, length)
    buffer = ffi.new("char[]", length[0])
    lib.wsc_conn_report_data(conn, data, buffer, len(buffer), length)
    return bytes(ffi.buffer(buffer, min(len(buffer), length[0])))


def _text(conn: Any, data: int) -> str:
    return _data(conn, data).decode(errors="replace")


def _string(data: Any, length: int) -> str:
    """Bytes of a response head, of which HTTP says no more than that they are bytes."""
    return bytes(ffi.buffer(data, length)).decode("latin-1")
