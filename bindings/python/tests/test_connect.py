"""Opening a connection: what is sent, and what comes of refusals and mistakes."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from peer import Peer, echo, opened, serve, until_end

import wsc
from wsc._reactor import Reactor


async def sessions() -> int:
    """How many connections the loop has."""
    return len((await Reactor.running()).sessions)


def refused_url() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{sock.getsockname()[1]}"


async def test_the_request_has_what_the_options_say() -> None:
    requests = []

    async def script(peer: Peer) -> None:
        await peer.accept("Sec-WebSocket-Protocol: b", "X-Two: 1", "X-Two: 2")
        requests.append(peer)
        await peer.until_end()

    async with (
        serve(script) as url,
        wsc.connect(
            f"{url}/path?query=1",
            additional_headers=[("X-A", "1"), ("X-A", "2")],
            origin="https://example.org",
            subprotocols=["a", "b"],
        ) as ws,
    ):
        assert ws.subprotocol == "b"
        assert ws.extensions is None
        assert ws.response.status_code == 101
        assert ws.response.reason_phrase == "Switching Protocols"
        assert ws.response.headers["x-two"] == "1"
        assert ws.response.headers.get_all("X-Two") == ["1", "2"]
        assert ws.remote_address == url[len("ws://") :]
        assert ws.local_address is not None
        assert ws.report.attempt == 1
        assert ws.report.http_status == 101
        assert not ws.closed
        assert ws.close_code is None
        request = requests[0].request
    assert request.startswith("GET /path?query=1 HTTP/1.1\r\n")
    assert "X-A: 1\r\nX-A: 2\r\n" in request
    assert requests[0].header("Origin") == "https://example.org"
    assert requests[0].header("Sec-WebSocket-Protocol") == "a, b"


async def test_a_refusal_has_status_headers_and_body() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.answer("403 Not Today", "Content-Length: 4", "X-Why: because", body=b"nope")

    async with serve(script) as url:
        with pytest.raises(wsc.HandshakeError) as caught:
            await wsc.connect(url)
    error = caught.value
    assert error.status is wsc.Status.HTTP_STATUS
    assert error.phase is wsc.Phase.UPGRADE
    assert error.http_status == 403
    assert error.headers["x-why"] == "because"
    assert error.body == b"nope"
    assert "403" in str(error)
    assert error.report is not None
    assert error.report.retry is wsc.Retry.NEVER
    assert error.report.response is not None
    assert error.report.response.reason_phrase == "Not Today"
    assert await sessions() == 0


async def test_an_answer_that_is_not_http() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.writer.write(b"220 smtp\r\n\r\n")

    async with serve(script) as url:
        with pytest.raises(wsc.HandshakeError) as caught:
            await wsc.connect(url)
    assert caught.value.http_status == 0
    assert caught.value.body == b""
    assert not caught.value.headers.keys()


async def test_a_refused_connection_is_an_os_error() -> None:
    with pytest.raises(OSError, match="refused") as caught:
        await wsc.connect(refused_url())
    error = caught.value
    assert isinstance(error, wsc.NetworkError)
    assert error.status is wsc.Status.REFUSED
    assert error.phase is wsc.Phase.TCP
    assert error.errno
    assert error.report is not None
    assert len(error.report.addresses) == 1


async def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(wsc.NetworkError) as caught:
        await wsc.connect("ws://name.invalid/")
    assert caught.value.status is wsc.Status.DNS
    assert caught.value.phase is wsc.Phase.DNS


async def test_a_server_that_says_nothing_meets_the_deadline() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.until_end()

    async with serve(script) as url:
        with pytest.raises(TimeoutError) as caught:
            await wsc.connect(url, handshake_timeout=0.05)
    assert isinstance(caught.value, wsc.ConnectTimeout)
    assert caught.value.phase is wsc.Phase.UPGRADE
    assert await sessions() == 0


async def test_cancelling_connect_ends_the_attempt() -> None:
    asked = asyncio.Event()
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        asked.set()
        assert await peer.reader.read() == b""
        over.set()

    async with serve(script) as url:
        attempt = asyncio.ensure_future(wsc.connect(url)._open())
        await asked.wait()
        assert await sessions() == 1
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert await sessions() == 0
        await over.wait()


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("", wsc.Status.URL),
        ("http://example.org", wsc.Status.URL_SCHEME),
        ("ws://example.org:99999", wsc.Status.URL_PORT),
        ("ws://example.org/#fragment", wsc.Status.URL),
        ("ws://example.org/\0", wsc.Status.URL),
    ],
)
async def test_bad_urls(url: str, status: wsc.Status) -> None:
    with pytest.raises(wsc.InvalidArgument, match=r"url|URL") as caught:
        await wsc.connect(url)
    assert caught.value.status is status
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"additional_headers": {"Bad Name": "x"}}, wsc.Status.HEADER_NAME),
        ({"additional_headers": {"Upgrade": "x"}}, wsc.Status.HEADER_NAME),
        ({"additional_headers": {"X": "a\r\nb"}}, wsc.Status.HEADER_VALUE),
        ({"additional_headers": {"X": "a\0b"}}, wsc.Status.HEADER_VALUE),
        ({"origin": "a b"}, wsc.Status.ORIGIN),
        ({"subprotocols": ["a", "a"]}, wsc.Status.SUBPROTOCOL),
        ({"subprotocols": ["a,b"]}, wsc.Status.SUBPROTOCOL),
        ({"compression": "gzip"}, wsc.Status.INVALID),
        ({"compression": wsc.Deflate(level=10)}, wsc.Status.INVALID),
        ({"proxy": "ftp://example.org"}, wsc.Status.URL_SCHEME),
        ({"connect_timeout": 0}, wsc.Status.INVALID),
        ({"connect_timeout": -1}, wsc.Status.INVALID),
        ({"connect_timeout": float("nan")}, wsc.Status.INVALID),
        ({"phase_timeouts": {"upgrade": 1}}, wsc.Status.INVALID),
        ({"max_size": 0}, wsc.Status.INVALID),
        ({"max_size": -1}, wsc.Status.INVALID),
        ({"max_size": 2**80}, wsc.Status.INVALID),
        ({"receive_queue_limit": 0}, wsc.Status.INVALID),
        ({"local_address": "somewhere"}, wsc.Status.INVALID),
        ({"reconnect_delay": (2, 1)}, wsc.Status.INVALID),
        ({"prologue": ["\ud800"]}, None),
        ({"tls": wsc.TLS(cadata="no certificate")}, wsc.Status.PEM),
        ({"tls": wsc.TLS(cafile="/does/not/exist")}, wsc.Status.FILE),
        ({"tls": wsc.TLS(crlfile="/does/not/exist")}, wsc.Status.FILE),
        ({"tls": wsc.TLS(crldata="nonsense")}, wsc.Status.PEM),
        ({"tls": wsc.TLS(certificate_pins=[b"short"])}, wsc.Status.INVALID),
        ({"tls": wsc.TLS(minimum_version=ssl.TLSVersion.SSLv3)}, wsc.Status.INVALID),
    ],
    ids=str,
)
async def test_bad_values_name_the_option(options: wsc.Options, status: wsc.Status | None) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        await wsc.connect("ws://127.0.0.1:1", **options)
    if status is not None:
        assert isinstance(caught.value, wsc.InvalidArgument)
        assert caught.value.status is status
        assert str(caught.value).startswith(f"{next(iter(options))}: ")
    assert await sessions() == 0


@pytest.mark.parametrize(
    "options",
    [
        {"no_such_option": 1},
        {"ping_interval": "20"},
        {"ping_interval": True},
        {"max_size": "big"},
        {"origin": 1},
        {"subprotocols": "chat"},
        {"tls": True},
        {"prologue": "hello"},
        {"additional_headers": {"X": 1}},
    ],
    ids=str,
)
async def test_bad_types_name_the_option(options: wsc.Options) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        await wsc.connect("ws://127.0.0.1:1", **options)


async def test_every_option_is_taken() -> None:
    """All at once; None where it stands for no limit."""
    options: wsc.Options = {
        "additional_headers": {"X": "1"},
        "origin": "https://example.org",
        "subprotocols": [],
        "compression": wsc.Deflate(level=1, threshold=0, max_ratio=10),
        "tls": wsc.TLS(
            system_roots=False,
            minimum_version=ssl.TLSVersion.TLSv1_3,
            alpn_protocols=["http/1.1"],
            server_name="example.org",
            verify_name="example.org",
            certificate_pins=[bytes(32)],
            public_key_pins=[bytes(32)],
        ),
        "proxy": True,
        "proxy_headers": [("X", "1")],
        "connect_timeout": None,
        "handshake_timeout": None,
        "phase_timeouts": {"dns": 1, "tcp": None, "proxy": 1.5, "tls": 1},
        "close_timeout": 1,
        "ping_interval": None,
        "ping_timeout": None,
        "idle_timeout": None,
        "max_size": None,
        "max_frame_size": None,
        "max_fragments": 10,
        "max_header_size": 10000,
        "send_queue_limit": 1000,
        "receive_queue_limit": 1000,
        "max_redirects": 1,
        "local_address": "127.0.0.1",
        "tcp_nodelay": False,
        "keepalive": 60,
        "tcp_user_timeout": 60,
        "reconnect_delay": (1, 2),
        "reconnect_limit": None,
        "reconnect_stable_after": 1,
        "reconnect_after_fatal": True,
        "prologue": ["hello", b"binary"],
    }
    # An interface may need privileges, and a socket takes the place of the address.
    assert wsc.Options.__annotations__.keys() - options.keys() == {"interface", "sock"}

    received = []

    async def script(peer: Peer) -> None:
        received.extend([await peer.read(), await peer.read()])
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url, **options):
        pass
    assert received == [(1, b"hello"), (2, b"binary")]


async def test_a_socket_of_the_program() -> None:
    async with serve(echo) as url:
        host, port = url[len("ws://") :].split(":")
        with socket.create_connection((host, int(port))) as sock:
            ws = await wsc.connect("ws://elsewhere.invalid/", sock=sock)
        await ws.send("hello")
        assert await ws.recv() == "hello"
        await ws.close()


@pytest.mark.parametrize("compress", [True, False])
async def test_compression_is_negotiated(compress: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept("Sec-WebSocket-Extensions: permessage-deflate")
        first, _ = await peer.reader.readexactly(2)
        assert bool(first & 0x40) == compress, "RSV1"
        await peer.reader.read()

    async with serve(script) as url:
        ws = await wsc.connect(url, compression="deflate")
        assert ws.extensions == "permessage-deflate"
        await ws.send("a" * 1000, compress=compress)
        ws.abort()
        await ws.wait_closed()


async def test_an_http_proxy() -> None:
    seen = []

    async def proxy(peer: Peer) -> None:
        seen.append(await peer.read_request())
        peer.answer("200 OK")
        await echo(peer)

    async with (
        serve(proxy) as url,
        wsc.connect(
            "ws://behind.invalid/", proxy=url.replace("ws:", "http:"), proxy_headers={"X-P": "1"}
        ) as ws,
    ):
        await ws.send("through")
        assert await ws.recv() == "through"
    assert seen[0].startswith("CONNECT behind.invalid:80 HTTP/1.1\r\n")
    assert "X-P: 1\r\n" in seen[0]


async def test_a_proxy_that_refuses() -> None:
    async def proxy(peer: Peer) -> None:
        await peer.read_request()
        peer.answer("407 Proxy Authentication Required", "Content-Length: 0")

    async with serve(proxy) as url:
        with pytest.raises(wsc.ProxyError) as caught:
            await wsc.connect("ws://behind.invalid/", proxy=url.replace("ws:", "http:"))
    assert caught.value.status is wsc.Status.PROXY_AUTH
    assert caught.value.report is not None
    assert caught.value.report.proxy_status == 407


async def test_redirects() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.answer("307 Temporary Redirect", f"Location: {target}/there", "Content-Length: 0")

    async with serve(until_end) as target, serve(script) as url:
        async with wsc.connect(url, max_redirects=1) as ws:
            assert ws.report.redirects == 1
        with pytest.raises(wsc.HandshakeError):
            await wsc.connect(url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem",
        cwd=folder,
        shell=True,
        check=True,
        capture_output=True,
    )
    return certificate, key


async def test_tls(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with serve(echo, context) as url:
        options: wsc.Options = {
            "tls": wsc.TLS(
                cafile=certificate[0],
                verify_name="localhost",
                minimum_version=ssl.TLSVersion.TLSv1_3,
            )
        }
        async with wsc.connect(url, **options) as ws:
            await ws.send("secret")
            assert await ws.recv() == "secret"
            assert ws.report.tls_version == ssl.TLSVersion.TLSv1_3
            der = ssl.PEM_cert_to_DER_cert(certificate[0].read_text())
            assert ws.report.peer_certificate == der


async def test_a_certificate_that_is_not_trusted(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def script(peer: Peer) -> None:
        await peer.reader.read()

    async with serve(script, context) as url:
        with pytest.raises(wsc.TLSError) as untrusted:
            await wsc.connect(url)
        with pytest.raises(wsc.TLSError) as other_name:
            await wsc.connect(url, tls=wsc.TLS(cafile=certificate[0]))
    assert untrusted.value.status is wsc.Status.CERTIFICATE_SELF_SIGNED
    assert untrusted.value.phase is wsc.Phase.TLS
    assert other_name.value.status is wsc.Status.CERTIFICATE_NAME
