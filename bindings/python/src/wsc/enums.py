"""The library's enums, with the values of wsc.h."""

from __future__ import annotations

from enum import IntEnum

from wsc._native import lib, text_of


class _Open(IntEnum):
    """An enum to which a newer library may add values; they come without a name."""

    @classmethod
    def _missing_(cls, value: object) -> _Open | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class Status(_Open):
    """What a call came to, or why a connection ended.

    1 to 19 are the caller's mistakes, 20 to 39 state and flow, 40 to 59 network, 60 to
    79 TLS, 80 to 99 HTTP and WebSocket, 100 is a bug in the library.
    """

    OK = 0
    NULL = 1
    INVALID = 2
    URL = 3
    URL_SCHEME = 4
    URL_PORT = 5
    HEADER_NAME = 6
    HEADER_VALUE = 7
    SUBPROTOCOL = 8
    ORIGIN = 9
    CLOSE_CODE = 10
    CLOSE_REASON = 11
    UTF8 = 12
    TOO_BIG = 13
    MODE = 14
    PEM = 15
    PASSPHRASE = 16
    KEY_MISMATCH = 17
    FILE = 18
    STATE = 20
    BUSY = 21
    QUEUE_FULL = 22
    TIMEOUT = 23
    FORKED = 24
    ABORTED = 25
    NOT_FOUND = 26
    DNS = 40
    REFUSED = 41
    UNREACHABLE = 42
    RESET = 43
    CLOSED = 44
    IO = 45
    SYSTEM = 46
    PROXY = 47
    PROXY_AUTH = 48
    PROXY_PROTOCOL = 49
    TLS = 60
    CERTIFICATE = 61
    CERTIFICATE_EXPIRED = 62
    CERTIFICATE_SELF_SIGNED = 63
    CERTIFICATE_ISSUER = 64
    CERTIFICATE_NAME = 65
    CERTIFICATE_REVOKED = 66
    PIN = 67
    TLS_VERSION = 68
    HTTP = 80
    HTTP_STATUS = 81
    UPGRADE = 82
    ACCEPT = 83
    HEADER_TOO_BIG = 84
    SUBPROTOCOL_MISMATCH = 85
    EXTENSION_MISMATCH = 86
    PROTOCOL = 87
    MESSAGE_TOO_BIG = 88
    PEER_UTF8 = 89
    REDIRECT = 90
    PANIC = 100

    @property
    def text(self) -> str:
        """The status in a few words."""
        return text_of(lib.wsc_status_str(self.value))


class Phase(_Open):
    """How far a connection had come."""

    NONE = 0
    DNS = 1
    TCP = 2
    PROXY = 3
    TLS = 4
    UPGRADE = 5
    OPEN = 6
    CLOSING = 7


class Retry(_Open):
    """Whether another attempt can help."""

    NEVER = 0
    LATER = 1
    NOW = 2
