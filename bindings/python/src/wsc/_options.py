"""The options of a connection, and how they reach the library."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

from wsc._native import ffi, lib
from wsc.enums import Status
from wsc.exceptions import InvalidArgument, check

if TYPE_CHECKING:
    import socket

PathLike = Union[str, "os.PathLike[str]"]
HeadersLike = Union[Mapping[str, str], Iterable[tuple[str, str]]]
_Setter = Callable[[Any, Any], None]

_MAX_MS = 2**31 - 1
_MAX_SIZE = 2 ** (8 * ffi.sizeof("size_t") - 1) - 1
_DEFAULT_MAX_SIZE = 16 << 20


@dataclass(frozen=True)
class TLS:
    """How `wss://` connections are made. Without any of it the system's trust store decides.

    Certificates and keys are in PEM, as the text itself or in a file.
    """

    cafile: PathLike | None = None
    """A file of certificates that are trusted too."""
    cadata: str | bytes | None = None
    """The same, as text."""
    system_roots: bool = True
    """Whether the system's certificates are trusted."""
    crlfile: PathLike | None = None
    """A file of revocation lists in PEM, or one in DER, one of which must cover the server's
    certificate: up to date, and signed by a certificate of `cafile` or `cadata`."""
    crldata: str | bytes | None = None
    """The same, as text or bytes."""
    certfile: PathLike | None = None
    """The client's certificate, then those that lead to its authority."""
    keyfile: PathLike | None = None
    """Its key; without it `certfile` has both."""
    certdata: str | bytes | None = None
    """As `certfile`, as text; then `keydata` is needed."""
    keydata: str | bytes | None = None
    """As `keyfile`, as text."""
    pkcs12: bytes | None = None
    """The client's certificate and key, as a PKCS#12 file has them."""
    password: str | None = None
    """For an encrypted key or PKCS#12."""
    minimum_version: int | None = None
    """An `ssl.TLSVersion`: TLSv1_2, the default, or TLSv1_3."""
    maximum_version: int | None = None
    """An `ssl.TLSVersion`: TLSv1_2 or TLSv1_3, the default."""
    alpn_protocols: Sequence[str] = ()
    """The protocols to offer."""
    server_name: str | None = None
    """The name to send in the clear (SNI) in place of the URL's host; "" sends none."""
    verify_name: str | None = None
    """The name that the certificate must have, in place of the URL's host."""
    certificate_pins: Sequence[bytes] = ()
    """SHA-256 digests of certificates in DER, of which the server must have one."""
    public_key_pins: Sequence[bytes] = ()
    """The same of public keys (SubjectPublicKeyInfo)."""
    danger_accept_anything: bool = False
    """DANGER: accepts every certificate of anybody. For tests."""


@dataclass(frozen=True)
class Deflate:
    """How messages are compressed (permessage-deflate); None is the library's default."""

    level: int | None = None
    """From 1, the fastest, to 9, the smallest."""
    threshold: int | None = None
    """Messages of fewer bytes are sent as they are."""
    client_max_window_bits: int = 15
    """9 to 15: how far back the compression of what is sent looks."""
    server_max_window_bits: int = 15
    """8 to 15: the same for what is received."""
    client_no_context_takeover: bool = False
    """Compresses each message by itself."""
    server_no_context_takeover: bool = False
    """Asks the server to do so."""
    max_ratio: int | None = None
    """How many times its size a received message may inflate to."""


class Options(TypedDict, total=False):
    """The options of a connection. What is not given has the library's default.

    Times are in seconds. None stands for "no limit" where that is possible.
    """

    additional_headers: HeadersLike
    """Request headers. `Host` may be among them."""
    origin: str
    """The `Origin` header."""
    subprotocols: Sequence[str]
    """To be offered, the preferred one first."""
    compression: Literal["deflate"] | Deflate | None
    """Whether compression is offered. Off by default."""
    tls: TLS
    """How `wss://` connections are made."""
    proxy: str | Literal[True] | None
    """`http://`, `https://`, `socks5://` or `socks5h://`; True is what the environment names."""
    proxy_headers: HeadersLike
    """Headers that only an HTTP proxy gets."""
    connect_timeout: float | None
    """For DNS, TCP, proxy and TLS together."""
    handshake_timeout: float | None
    """For the HTTP upgrade."""
    phase_timeouts: Mapping[Literal["dns", "tcp", "proxy", "tls"], float | None]
    """For one phase each, within `connect_timeout`."""
    close_timeout: float | None
    """For the close handshake."""
    ping_interval: float | None
    """How often a ping is sent; None sends none."""
    ping_timeout: float | None
    """How long the server may stay silent after one."""
    idle_timeout: float | None
    """How long the server may send nothing at all."""
    max_size: int | None
    """The largest message received. What is sent has no limit but that of the queue."""
    max_frame_size: int | None
    """The largest frame received; `max_size` unless given."""
    max_fragments: int
    """Of how many frames a message may consist."""
    max_header_size: int
    """The largest response head."""
    send_queue_limit: int
    """From how many bytes that wait to be sent on `send` waits."""
    receive_queue_limit: int
    """From how many bytes that wait for `recv` on the socket is not read.

    After `close` it is read on, and what comes beyond them is dropped.
    """
    max_redirects: int
    """How many HTTP redirects are followed."""
    local_address: str
    """The IP address to connect from, with or without a port."""
    interface: str
    """The network interface to connect through."""
    tcp_nodelay: bool
    """Whether small writes leave at once. On by default."""
    keepalive: float | None
    """After which silence TCP sends probes."""
    tcp_user_timeout: float | None
    """How long TCP waits for an acknowledgement."""
    sock: socket.socket
    """A connected socket to use; it is duplicated and stays yours to close."""
    reconnect_delay: tuple[float, float]
    """For `async for`: the bound of the first delay, and of all that follow."""
    reconnect_limit: int | None
    """For `async for`: how many reconnects may follow each other."""
    reconnect_stable_after: float
    """For `async for`: how long a connection must have been open to start the counting anew."""
    reconnect_after_fatal: bool
    """For `async for`: whether to go on after what another attempt cannot mend, such as a 403."""
    prologue: Sequence[str | bytes]
    """Messages that are sent first whenever the connection opens: a log-in, the subscriptions."""


def apply(conn: Any, options: Options) -> None:
    """Gives the options to a connection of the library."""
    unknown = options.keys() - _SETTERS.keys()
    if unknown:
        raise TypeError(f"unknown option: {', '.join(sorted(unknown))}")
    # The library's limit for both directions is no option: what is sent has none, and what
    # is received always has a limit of its own.
    check(lib.wsc_conn_set_max_message_size(conn, _MAX_SIZE))
    _set_max_size(conn, _DEFAULT_MAX_SIZE)
    # In the order of the table, as a later one may refine an earlier one.
    for name, setter in _SETTERS.items():
        if name in options:
            try:
                setter(conn, options[name])  # type: ignore[literal-required]
            except InvalidArgument as error:
                raise InvalidArgument(f"{name}: {error}", error.status) from None
            except OverflowError as error:
                raise InvalidArgument(f"{name}: {error}", Status.INVALID) from None
            except TypeError as error:
                raise TypeError(f"{name}: {error}") from None


def string(value: str, status: Status) -> bytes:
    """A string for C, which would be cut at a NUL."""
    if not isinstance(value, str):
        raise TypeError(f"a str is needed, not {type(value).__name__}")
    data = value.encode(errors="surrogateescape")
    if b"\0" in data:
        raise InvalidArgument(status.text, status)
    return data


def milliseconds(seconds: float | None) -> int:
    """A time for C; one that is not 0 does not become 0."""
    if seconds is None:
        return int(lib.WSC_FOREVER)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"seconds or None are needed, not {type(seconds).__name__}")
    if not seconds >= 0:  # a NaN as well
        raise InvalidArgument(Status.INVALID.text, Status.INVALID)
    return _MAX_MS if seconds > _MAX_MS / 1000 else math.ceil(seconds * 1000)


def _data(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _maybe(value: PathLike | None) -> Any:
    """A string for C that may be missing."""
    return ffi.NULL if value is None else string(os.fspath(value), Status.INVALID)


def _pairs(headers: Any) -> Iterable[tuple[str, str]]:
    # A mapping, or what looks like one: Message of email, Headers of websockets.
    pairs: Iterable[tuple[str, str]] = headers.items() if hasattr(headers, "items") else headers
    return pairs


def _size(size: int | None) -> int:
    return _MAX_SIZE if size is None else size


def _plain(value: Any) -> Any:
    return value


def _text(status: Status) -> Callable[[str], bytes]:
    return lambda value: string(value, status)


def _setter(function: str, convert: Callable[[Any], Any]) -> _Setter:
    """A setter of the library that takes one value."""
    call = getattr(lib, function)
    return lambda conn, value: check(call(conn, convert(value)))


def _header_list(function: str) -> _Setter:
    add = getattr(lib, function)

    def set_headers(conn: Any, headers: HeadersLike) -> None:
        for name, value in _pairs(headers):
            check(
                add(conn, string(name, Status.HEADER_NAME), string(value, Status.HEADER_VALUE)),
                repr(name),
            )

    return set_headers


def _set_list(function: str, status: Status) -> _Setter:
    setter = getattr(lib, function)

    def set_list(conn: Any, names: Sequence[str]) -> None:
        if isinstance(names, str):
            raise TypeError("a sequence of str is needed, not a str")
        if any("," in name for name in names):
            raise InvalidArgument(status.text, status)
        check(setter(conn, string(",".join(names), status)))

    return set_list


def _set_max_size(conn: Any, size: int | None) -> None:
    for function in ("wsc_conn_set_max_receive_size", "wsc_conn_set_max_frame_size"):
        _setter(function, _size)(conn, size)


def _set_phase_timeouts(conn: Any, timeouts: Mapping[str, float | None]) -> None:
    phases = {
        "dns": lib.WSC_PHASE_DNS,
        "tcp": lib.WSC_PHASE_TCP,
        "proxy": lib.WSC_PHASE_PROXY,
        "tls": lib.WSC_PHASE_TLS,
    }
    for name, timeout in timeouts.items():
        if name not in phases:
            raise InvalidArgument(f"{name!r} is none of {', '.join(phases)}", Status.INVALID)
        check(lib.wsc_conn_set_phase_timeout(conn, phases[name], milliseconds(timeout)))


def _set_proxy(conn: Any, proxy: str | bool | None) -> None:
    if proxy is True:
        check(lib.wsc_conn_set_proxy_from_environment(conn))
    elif proxy is not None:
        check(lib.wsc_conn_set_proxy(conn, string(proxy, Status.URL)))  # type: ignore[arg-type]


def _set_compression(conn: Any, compression: str | Deflate | None) -> None:
    if compression is None:
        return
    if compression == "deflate":
        compression = Deflate()
    if not isinstance(compression, Deflate):
        raise InvalidArgument(f'{compression!r} is neither "deflate" nor a Deflate', Status.INVALID)
    check(lib.wsc_conn_set_deflate(conn, True))
    for function, value in (
        (lib.wsc_conn_set_deflate_level, compression.level),
        (lib.wsc_conn_set_deflate_threshold, compression.threshold),
        (lib.wsc_conn_set_deflate_max_ratio, compression.max_ratio),
    ):
        if value is not None:
            check(function(conn, value))
    check(
        lib.wsc_conn_set_deflate_window_bits(
            conn, compression.client_max_window_bits, compression.server_max_window_bits
        )
    )
    check(
        lib.wsc_conn_set_deflate_no_context_takeover(
            conn, compression.client_no_context_takeover, compression.server_no_context_takeover
        )
    )


def _set_tls(conn: Any, tls: TLS) -> None:
    if not isinstance(tls, TLS):
        raise TypeError(f"a wsc.TLS is needed, not {type(tls).__name__}")
    if tls.cafile is not None:
        check(lib.wsc_conn_add_tls_ca_file(conn, _maybe(tls.cafile)), "cafile")
    if tls.cadata is not None:
        pem = _data(tls.cadata)
        check(lib.wsc_conn_add_tls_ca(conn, pem, len(pem)), "cadata")
    check(lib.wsc_conn_set_tls_system_roots(conn, tls.system_roots))
    if tls.crlfile is not None:
        check(lib.wsc_conn_add_tls_crl_file(conn, _maybe(tls.crlfile)), "crlfile")
    if tls.crldata is not None:
        lists = _data(tls.crldata)
        check(lib.wsc_conn_add_tls_crl(conn, lists, len(lists)), "crldata")
    _set_tls_identity(conn, tls)
    check(
        lib.wsc_conn_set_tls_versions(
            conn,
            lib.WSC_TLS_1_2 if tls.minimum_version is None else tls.minimum_version,
            lib.WSC_TLS_1_3 if tls.maximum_version is None else tls.maximum_version,
        ),
        "versions",
    )
    _set_list("wsc_conn_set_tls_alpn", Status.INVALID)(conn, tls.alpn_protocols)
    if tls.server_name is not None:
        check(lib.wsc_conn_set_tls_server_name(conn, _maybe(tls.server_name)), "server_name")
    if tls.verify_name is not None:
        check(lib.wsc_conn_set_tls_verify_name(conn, _maybe(tls.verify_name)), "verify_name")
    for pin_type, pins in (
        (lib.WSC_PIN_CERTIFICATE, tls.certificate_pins),
        (lib.WSC_PIN_PUBLIC_KEY, tls.public_key_pins),
    ):
        for pin in pins:
            check(lib.wsc_conn_add_tls_pin(conn, pin_type, pin, len(pin)), "pin")
    check(lib.wsc_conn_set_tls_danger_accept_anything(conn, tls.danger_accept_anything))


def _set_tls_identity(conn: Any, tls: TLS) -> None:
    password = _maybe(tls.password)
    if tls.certfile is not None:
        check(
            lib.wsc_conn_set_tls_identity_files(
                conn, _maybe(tls.certfile), _maybe(tls.keyfile), password
            ),
            "certfile, keyfile",
        )
    if tls.certdata is not None:
        chain, key = _data(tls.certdata), _data(tls.keydata or b"")
        check(
            lib.wsc_conn_set_tls_identity(conn, chain, len(chain), key, len(key), password),
            "certdata, keydata",
        )
    if tls.pkcs12 is not None:
        check(lib.wsc_conn_set_tls_pkcs12(conn, tls.pkcs12, len(tls.pkcs12), password), "pkcs12")


def _set_socket(conn: Any, sock: socket.socket) -> None:
    check(lib.wsc_conn_set_socket(conn, sock.fileno()))


def _set_reconnect_delay(conn: Any, delays: tuple[float, float]) -> None:
    first, most = delays
    check(lib.wsc_conn_set_reconnect_delay(conn, milliseconds(first), milliseconds(most)))


def _set_reconnect_limit(conn: Any, limit: int | None) -> None:
    check(lib.wsc_conn_set_reconnect_limit(conn, lib.WSC_FOREVER if limit is None else limit))


def _set_prologue(conn: Any, messages: Sequence[str | bytes]) -> None:
    if isinstance(messages, (str, bytes)):
        raise TypeError("a sequence of messages is needed, not one message")
    for message in messages:
        kind = lib.WSC_MESSAGE_TEXT if isinstance(message, str) else lib.WSC_MESSAGE_BINARY
        data = _data(message)
        check(lib.wsc_conn_add_prologue(conn, kind, data, len(data)))


_SETTERS: dict[str, _Setter] = {
    "additional_headers": _header_list("wsc_conn_add_header"),
    "origin": _setter("wsc_conn_set_origin", _text(Status.ORIGIN)),
    "subprotocols": _set_list("wsc_conn_set_subprotocols", Status.SUBPROTOCOL),
    "compression": _set_compression,
    "tls": _set_tls,
    "proxy": _set_proxy,
    "proxy_headers": _header_list("wsc_conn_add_proxy_header"),
    "connect_timeout": _setter("wsc_conn_set_connect_timeout", milliseconds),
    "handshake_timeout": _setter("wsc_conn_set_handshake_timeout", milliseconds),
    "phase_timeouts": _set_phase_timeouts,
    "close_timeout": _setter("wsc_conn_set_close_timeout", milliseconds),
    "ping_interval": _setter("wsc_conn_set_ping_interval", milliseconds),
    "ping_timeout": _setter("wsc_conn_set_pong_timeout", milliseconds),
    "idle_timeout": _setter("wsc_conn_set_idle_timeout", milliseconds),
    "max_size": _set_max_size,
    "max_frame_size": _setter("wsc_conn_set_max_frame_size", _size),
    "max_fragments": _setter("wsc_conn_set_max_fragments", _plain),
    "max_header_size": _setter("wsc_conn_set_max_header_size", _plain),
    "send_queue_limit": _setter("wsc_conn_set_send_queue_limit", _plain),
    "receive_queue_limit": _setter("wsc_conn_set_receive_queue_limit", _plain),
    "max_redirects": _setter("wsc_conn_set_max_redirects", _plain),
    "local_address": _setter("wsc_conn_set_local_address", _text(Status.INVALID)),
    "interface": _setter("wsc_conn_set_interface", _text(Status.INVALID)),
    "tcp_nodelay": _setter("wsc_conn_set_tcp_nodelay", _plain),
    "keepalive": _setter("wsc_conn_set_keepalive", milliseconds),
    "tcp_user_timeout": _setter("wsc_conn_set_tcp_user_timeout", milliseconds),
    "sock": _set_socket,
    "reconnect_delay": _set_reconnect_delay,
    "reconnect_limit": _set_reconnect_limit,
    "reconnect_stable_after": _setter("wsc_conn_set_reconnect_stable_after", milliseconds),
    "reconnect_after_fatal": _setter("wsc_conn_set_reconnect_after_fatal", _plain),
    "prologue": _set_prologue,
}
