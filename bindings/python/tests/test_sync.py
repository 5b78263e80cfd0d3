"""The blocking connection."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from types import FrameType

import pytest
from interruption import Interrupted, Interruption
from peer import BINARY, CLOSE, PONG, TEXT, Peer, echo, opened, until_end
from programs import PATIENCE, serving
from test_lifetime import has_library_threads

import wsc.sync


def test_messages() -> None:
    with serving(echo) as url, wsc.sync.connect(url) as ws:
        assert ws.response.status_code == 101
        for message in ("hello", "", b"\0\xff", b"", "é" * (1 << 20)):
            ws.send(message)
            assert ws.recv() == message
        ws.send(bytearray(b"any bytes"))
        assert ws.recv() == b"any bytes"
        assert ws.ping() >= 0
        assert ws.ping("named", timeout=20) >= 0
        ws.pong()
    assert ws.close_code == 1000
    assert has_library_threads(0)


def test_recv_with_a_timeout_loses_nothing() -> None:
    with serving(echo) as url, wsc.sync.connect(url) as ws:
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError):
                ws.recv(timeout=timeout)
        ws.send("hello")
        assert ws.recv(timeout=20) == "hello"


def test_iteration_and_the_end() -> None:
    async def script(peer: Peer) -> None:
        peer.frame(TEXT, "one")
        peer.frame(BINARY, b"two")
        peer.close(1000)
        await peer.reader.read()

    with serving(opened(script)) as url, wsc.sync.connect(url) as ws:
        assert list(ws) == ["one", b"two"]
        with pytest.raises(wsc.ConnectionClosedOK):
            ws.recv()
        with pytest.raises(wsc.ConnectionClosedOK):
            ws.send("late")


def test_a_server_that_closes_with_an_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.read()
        peer.close(1011, "oops")
        await peer.reader.read()

    with serving(opened(script)) as url, wsc.sync.connect(url) as ws:
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            ws.ping()
        assert (caught.value.code, caught.value.reason) == (1011, "oops")


def test_a_ping_without_a_pong() -> None:
    async def script(peer: Peer) -> None:
        await peer.read()
        peer.frame(PONG, "another")
        await peer.until_end()

    with serving(opened(script)) as url, wsc.sync.connect(url) as ws:
        with pytest.raises(TimeoutError):
            ws.ping("mine", timeout=0.05)
        assert not ws.closed


def test_close_with_a_code() -> None:
    with serving(until_end) as url:
        ws = wsc.sync.connect(url)
        with pytest.raises(wsc.InvalidArgument):
            ws.close(1001)
        ws.close(3000, "enough")
        assert (ws.close_code, ws.close_reason) == (3000, "enough")
        ws.close()


def test_abort() -> None:
    async def script(peer: Peer) -> None:
        assert await peer.reader.read() == b""

    with serving(opened(script)) as url, wsc.sync.connect(url) as ws:
        ws.abort()
        with pytest.raises(wsc.ConnectionClosedError):
            ws.recv()


def test_a_fast_sender_waits() -> None:
    arrived = []

    async def script(peer: Peer) -> None:
        while True:
            op, payload = await peer.read()
            if op == CLOSE:
                peer.frame(CLOSE, payload)
                return
            arrived.append(len(payload))

    with serving(opened(script)) as url, wsc.sync.connect(url, send_queue_limit=1000) as ws:
        for _ in range(64):
            ws.send(bytes(1 << 18))
            assert ws.buffered_amount < 1 << 20
    assert arrived == [1 << 18] * 64


def test_failures_leave_nothing() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(wsc.NetworkError):
            wsc.sync.connect(f"ws://127.0.0.1:{sock.getsockname()[1]}")
    with pytest.raises(wsc.InvalidArgument):
        wsc.sync.connect("http://example.org")
    with pytest.raises(TypeError):
        wsc.sync.connect("ws://example.org", no_such_option=1)  # type: ignore[call-arg]
    assert has_library_threads(0)


def test_signal_handlers_run_while_it_waits() -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    with serving(echo) as url, wsc.sync.connect(url) as ws:
        before = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Interrupted):
                ws.recv()
        finally:
            signal.signal(signal.SIGALRM, before)
        ws.send("still there")
        assert ws.recv() == "still there"


def test_exceptions_of_signal_handlers_lose_nothing() -> None:
    async def script(peer: Peer) -> None:
        await peer.read()
        for word in ("one", "two"):
            peer.frame(TEXT, word)
        peer.frame(PONG, "of nobody's")
        peer.frame(TEXT, "three")
        peer.close(1000)
        await peer.reader.read()

    def words(ws: wsc.sync.Connection) -> Iterator[str | bytes]:
        while True:
            try:
                yield ws.recv(timeout=PATIENCE)
            except Interrupted:
                continue
            except wsc.ConnectionClosedOK:
                return

    lines, happened = 0, True
    with serving(opened(script)) as url:
        while happened:
            ws = wsc.sync.connect(url)
            ws.send("begin")
            with Interruption(lines) as interruption:
                assert list(words(ws)) == ["one", "two", "three"], lines
            ws.close()
            lines, happened = lines + 1, interruption.happened
    assert lines > 1
