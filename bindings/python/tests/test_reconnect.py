"""`async for ws in wsc.connect(...)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from peer import TEXT, Peer, echo, opened, serve

import wsc
from wsc._reactor import Reactor

QUICK = (0.001, 0.002)


class Server:
    """Ends its connections in the ways it is told, one after the other, then echoes."""

    def __init__(self, *ends: str) -> None:
        self.ends = list(ends)

    async def __call__(self, peer: Peer) -> None:
        end = self.ends.pop(0) if self.ends else "echo"
        if end.isdigit():
            await peer.read_request()
            peer.answer(f"{end} No", "Content-Length: 0")
            return
        await peer.accept()
        peer.frame(TEXT, end)
        if end == "echo":
            await peer.echo()
        elif end == "reset":
            await peer.writer.drain()
            await peer.read()
            peer.reset()
        elif end == "normal":
            peer.close(1000)
            await peer.reader.read()
        elif end == "policy":
            peer.close(1008)
            await peer.reader.read()
        else:
            await peer.until_end()


async def test_it_comes_back_after_each_loss() -> None:
    seen = []
    async with serve(Server("reset", "503", "normal", "500", "gone", "cut", "echo")) as url:
        async for ws in wsc.connect(url, reconnect_delay=QUICK):
            try:
                word = await ws.recv()
                seen.append((word, ws.report.attempt))
                if word == "echo":
                    break
                await ws.send("x")
                if word == "gone":
                    await ws.close()
                if word == "cut":
                    ws.abort()
                await ws.recv()
            except wsc.ConnectionClosed:
                continue
        assert seen == [("reset", 1), ("normal", 3), ("gone", 5), ("cut", 6), ("echo", 7)]
        reactor = await Reactor.running()
        while reactor.sessions:  # the generator is closed by the loop
            await asyncio.sleep(0)


async def test_a_body_that_ends_closes_the_connection() -> None:
    count = 0
    async with serve(echo) as url:
        previous = None
        async for ws in wsc.connect(url, reconnect_delay=QUICK):
            assert previous is None or previous.close_code == 1000
            previous = ws
            count += 1
            await ws.send(str(count))
            assert await ws.recv() == str(count)
            if count == 3:
                break


async def test_a_refusal_that_stays_is_raised() -> None:
    async with serve(Server("503", "403")) as url:
        with pytest.raises(wsc.HandshakeError) as caught:
            async for _ in wsc.connect(url, reconnect_delay=QUICK):
                raise AssertionError
        assert caught.value.http_status == 403
        assert not (await Reactor.running()).sessions


async def test_a_loss_that_stays_is_raised() -> None:
    async with serve(Server("policy")) as url:
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            async for ws in wsc.connect(url, reconnect_delay=QUICK):
                assert [word async for word in ws] == ["policy"]
        assert caught.value.code == 1008


async def test_the_limit() -> None:
    async with serve(Server("503", "503", "503", "503")) as url:
        with pytest.raises(wsc.HandshakeError) as caught:
            async for _ in wsc.connect(url, reconnect_limit=2, reconnect_delay=QUICK):
                raise AssertionError
        assert caught.value.report is not None
        assert caught.value.report.attempt == 3


async def test_an_exception_in_the_body_ends_it() -> None:
    async with serve(echo) as url:
        with pytest.raises(KeyError):
            async for _ in wsc.connect(url, reconnect_delay=QUICK):
                raise KeyError
        reactor = await Reactor.running()
        while reactor.sessions:
            await asyncio.sleep(0)


async def test_cancelling_while_it_waits() -> None:
    async def forever(url: str) -> None:
        async for _ in wsc.connect(url, reconnect_delay=(1000, 1000)):
            raise AssertionError

    async with serve(Server("503")) as url:
        task = asyncio.ensure_future(forever(url))
        reactor = await Reactor.running()
        while not any(session.closed for session in reactor.sessions.values()):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while reactor.sessions:
            await asyncio.sleep(0)


async def test_cancelling_while_it_closes() -> None:
    """Who still has the connection finds it over, and who waits on it is woken."""

    async def script(peer: Peer) -> None:
        await peer.reader.read()

    async with serve(opened(script)) as url:
        attempts = wsc.connect(url).__aiter__()
        assert isinstance(attempts, AsyncGenerator)
        ws = await attempts.__anext__()
        receiving = asyncio.ensure_future(ws.recv())
        waiting = asyncio.ensure_future(ws.wait_closed())
        closing = asyncio.ensure_future(attempts.aclose())
        while not ws._closing:
            await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert ws.closed
        await waiting
        with pytest.raises(wsc.LibraryError, match="given up"):
            await receiving
        with pytest.raises(wsc.LibraryError, match="given up"):
            await ws.send("late")
        assert ws.buffered_amount == 0
        assert ws.report.phase is wsc.Phase.OPEN
        assert ws.counters["messages_sent"] == 0


async def test_the_prologue_is_sent_each_time() -> None:
    greetings = []

    async def script(peer: Peer) -> None:
        greetings.append(await peer.read())
        if len(greetings) < 3:
            peer.reset()
        else:
            peer.frame(TEXT, "enough")
            await peer.until_end()

    async with serve(opened(script)) as url:
        async for ws in wsc.connect(url, prologue=["log in"], reconnect_delay=QUICK):
            try:
                assert await ws.recv() == "enough"
                break
            except wsc.ConnectionClosedError:
                continue
    assert greetings == [(TEXT, b"log in")] * 3


async def test_what_a_lost_connection_left_is_received() -> None:
    """The next one is being opened, or is open, while the body is still busy."""
    async with serve(Server("normal", "echo")) as url:
        words: list[str | bytes] = []
        async for ws in wsc.connect(url, reconnect_delay=QUICK):
            if not words:
                while not ws.closed:
                    await asyncio.sleep(0)
                with pytest.raises(wsc.ConnectionClosedOK):
                    await ws.send("late")
            words.append(await ws.recv())
            if len(words) == 2:
                break
        assert words == ["normal", "echo"]
