"""Messages, pings and the end of an open connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from peer import BINARY, PING, PONG, TEXT, Peer, echo, opened, serve, until_end

import wsc


@pytest.mark.parametrize(
    "message", ["", "hello", "grüß dich ✓", "a\0b", b"", b"\0\xff", b"x" * 125, "y" * 65536]
)
async def test_messages_come_back_as_they_were(message: str | bytes) -> None:
    async with serve(echo) as url, wsc.connect(url) as ws:
        await ws.send(message)
        assert await ws.recv() == message


async def test_big_messages() -> None:
    data = bytes(range(256)) * 4096 * 8
    async with serve(echo) as url, wsc.connect(url) as ws:
        for message in (data, "é" * (4 << 20), bytearray(data), memoryview(data)):
            await ws.send(message)
            received = await ws.recv()
            assert received == (message if isinstance(message, str) else bytes(message))


async def test_a_message_of_several_frames() -> None:
    async def script(peer: Peer) -> None:
        peer.frame(TEXT, "hel", fin=False)
        peer.frame(PING, "between")
        peer.frame(0, "lo")
        assert await peer.read() == (PONG, b"between")
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        assert await ws.recv() == "hello"


async def test_sending_in_parts() -> None:
    async def numbers() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield b"%d" % number

    async with serve(echo) as url, wsc.connect(url) as ws:
        await ws.send(["a", "b", "c"])
        both = asyncio.gather(ws.send(numbers()), ws.send("after"))
        await ws.send([])
        await both
        assert [await ws.recv() for _ in range(3)] == ["abc", b"012", "after"]


async def test_a_message_in_parts_that_fails_ends_the_connection() -> None:
    def parts() -> Any:
        yield "beginning"
        raise KeyError("no more")

    async with serve(until_end) as url, wsc.connect(url) as ws:
        with pytest.raises(KeyError):
            await ws.send(parts())
        await ws.wait_closed()
        assert ws.close_code == 1005


async def endless_parts(begun: asyncio.Event) -> AsyncIterator[str]:
    yield "beginning"
    begun.set()
    await asyncio.Event().wait()


async def test_a_cancelled_message_in_parts_ends_the_connection() -> None:
    begun = asyncio.Event()
    async with serve(until_end) as url, wsc.connect(url) as ws:
        sending = asyncio.ensure_future(ws.send(endless_parts(begun)))
        await begun.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await ws.wait_closed()
        assert ws.close_code == 1005


async def test_sending_ends_with_the_connection_during_a_message_in_parts() -> None:
    """The parts may never end, and who waits for them must not wait with them."""
    begun = asyncio.Event()
    async with serve(until_end) as url, wsc.connect(url) as ws:
        sending = asyncio.ensure_future(ws.send(endless_parts(begun)))
        await begun.wait()
        waiting = [asyncio.ensure_future(ws.send(message)) for message in ("whole", ["part"])]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        await ws.close()
        for task in waiting:
            with pytest.raises(wsc.ConnectionClosedOK):
                await task
        for message in ("whole", ["part"]):
            with pytest.raises(wsc.ConnectionClosedOK):
                await ws.send(message)
        assert not sending.done()
        sending.cancel()


async def test_parts_of_both_types_end_the_connection() -> None:
    async with serve(until_end) as url, wsc.connect(url) as ws:
        with pytest.raises(TypeError):
            await ws.send(["text", b"binary"])
        await ws.wait_closed()


async def test_messages_that_cannot_be_sent_change_nothing() -> None:
    async with serve(echo) as url, wsc.connect(url) as ws:
        wrong: Any
        for wrong in (None, 1, {"a": 1}, [1]):
            with pytest.raises(TypeError):
                await ws.send(wrong)
        with pytest.raises(UnicodeEncodeError):
            await ws.send("\ud800")
        with pytest.raises(wsc.InvalidArgument) as caught:
            await ws.ping(bytes(126))
        assert caught.value.status is wsc.Status.TOO_BIG
        await ws.send("still there")
        assert await ws.recv() == "still there"


async def test_iteration_ends_with_an_orderly_close() -> None:
    async def script(peer: Peer) -> None:
        for word in ("one", "two"):
            peer.frame(TEXT, word)
        peer.close(1001, "going")
        await peer.reader.read()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        assert [message async for message in ws] == ["one", "two"]
        assert (ws.close_code, ws.close_reason) == (1001, "going")
        with pytest.raises(wsc.ConnectionClosedOK) as caught:
            await ws.send("late")
        assert caught.value.by_peer
        assert caught.value.clean


@pytest.mark.parametrize("code", [1008, 1011, 3000, 4999])
async def test_other_codes_are_errors(code: int) -> None:
    async def script(peer: Peer) -> None:
        peer.frame(BINARY, b"last words")
        peer.close(code, "grünlich")
        await peer.reader.read()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        received = []
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            async for message in ws:
                received.append(message)
        assert received == [b"last words"]
        assert (caught.value.code, caught.value.reason) == (code, "grünlich")
        assert caught.value.by_peer
        assert str(code) in str(caught.value)
        with pytest.raises(wsc.ConnectionClosedError):
            await ws.recv()


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [(1000, "bye", 1000), (3333, "", 3333), (4999, "x" * 123, 4999), (None, "", 1005)],
)
async def test_closing(code: int | None, reason: str, expected: int) -> None:
    async with serve(until_end) as url, wsc.connect(url) as ws:
        reader = asyncio.ensure_future(ws.recv())
        await ws.close(code, reason)
        assert (ws.close_code, ws.close_reason) == (expected, reason)
        with pytest.raises(wsc.ConnectionClosedOK) as caught:
            await reader
        assert not caught.value.by_peer
        await ws.close()


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        (1001, "", wsc.Status.CLOSE_CODE),
        (2999, "", wsc.Status.CLOSE_CODE),
        (5000, "", wsc.Status.CLOSE_CODE),
        (1000, "x" * 124, wsc.Status.CLOSE_REASON),
        (None, "x", wsc.Status.CLOSE_REASON),
    ],
)
async def test_bad_codes_close_nothing(code: int, reason: str, status: wsc.Status) -> None:
    async with serve(echo) as url, wsc.connect(url) as ws:
        with pytest.raises(wsc.InvalidArgument) as caught:
            await ws.close(code, reason)
        assert caught.value.status is status
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_an_exception_in_the_body_is_no_normal_closure() -> None:
    async with serve(until_end) as url:
        with pytest.raises(KeyError):
            async with wsc.connect(url) as ws:
                raise KeyError
        assert ws.close_code == 1005


async def test_a_reset() -> None:
    async def script(peer: Peer) -> None:
        peer.frame(TEXT, "before")
        await peer.writer.drain()
        assert await peer.read() == (TEXT, b"got it")
        peer.reset()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        assert await ws.recv() == "before"
        await ws.send("got it")
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        error = caught.value
        assert error.status is wsc.Status.RESET
        assert (error.code, error.clean, error.by_peer) == (1006, False, False)
        assert error.phase is wsc.Phase.OPEN
        assert error.report is not None
        assert error.report.retry is wsc.Retry.NOW


async def test_an_end_without_a_close_frame() -> None:
    async def script(peer: Peer) -> None:
        peer.frame(TEXT, "cut", fin=False)

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.status is wsc.Status.CLOSED


async def test_a_protocol_error() -> None:
    async def script(peer: Peer) -> None:
        peer.frame(TEXT, b"\xff")
        await peer.reader.read()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.status is wsc.Status.PEER_UTF8
        assert caught.value.code == 1007


async def test_a_message_above_the_limit() -> None:
    async def script(peer: Peer) -> None:
        peer.frame(BINARY, bytes(1001))
        await peer.reader.read()

    async with serve(opened(script)) as url, wsc.connect(url, max_size=1000) as ws:
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.status is wsc.Status.MESSAGE_TOO_BIG
        assert caught.value.code == 1009


async def test_the_limit_unless_given() -> None:
    size = 16 << 20

    async def script(peer: Peer) -> None:
        peer.frame(BINARY, bytes(size))
        peer.frame(BINARY, bytes(size + 1))
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        assert len(await ws.recv()) == size
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.status is wsc.Status.MESSAGE_TOO_BIG


async def test_the_limit_is_none_of_what_is_sent() -> None:
    size = (16 << 20) + 1  # above the limit that the library has for itself

    async def script(peer: Peer) -> None:
        opcode, payload = await peer.read()
        peer.frame(TEXT, f"{opcode} {len(payload)}")
        await peer.until_end()

    for limit in (1000, None):
        async with serve(opened(script)) as url, wsc.connect(url, max_size=limit) as ws:
            await ws.send(bytes(size))
            assert await ws.recv() == f"{BINARY} {size}"


async def test_no_limit() -> None:
    size = (16 << 20) + 1  # one frame, above the default

    async def script(peer: Peer) -> None:
        peer.frame(BINARY, bytes(size))
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url, max_size=None) as ws:
        assert await ws.recv() == bytes(size)


async def test_a_silent_server_is_found_by_pings() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read()

    async with (
        serve(opened(script)) as url,
        wsc.connect(url, ping_interval=0.02, ping_timeout=0.02) as ws,
    ):
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.status is wsc.Status.TIMEOUT


async def test_a_server_that_does_not_answer_the_close_frame() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read()

    async with serve(opened(script)) as url, wsc.connect(url, close_timeout=0.02) as ws:
        await ws.close()
        assert ws.close_code == 1006
        with pytest.raises(wsc.ConnectionClosedError):
            await ws.recv()


async def test_pings() -> None:
    async with serve(echo) as url, wsc.connect(url) as ws:
        assert await (await ws.ping()) >= 0
        assert await (await ws.ping("named")) >= 0
        assert await (await ws.ping(b"")) >= 0
        assert ws.latency >= 0
        await ws.pong(b"heartbeat")
        await ws.send("after")
        assert await ws.recv() == "after"
        assert ws.counters["pings_sent"] == ws.counters["pongs_received"] == 3
        assert ws.counters["pongs_sent"] == 1
    assert ws.counters["messages_sent"] == ws.counters["messages_received"] == 1


async def test_the_last_of_several_pings_is_answered() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(3):
            last = await peer.read()
        peer.frame(PONG, last[1])
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        pongs = [await ws.ping(str(number)) for number in range(3)]
        with pytest.raises(wsc.ConcurrencyError):
            await ws.ping("1")
        await asyncio.gather(*pongs)


async def test_a_pong_answers_no_later_ping() -> None:
    async def script(peer: Peer) -> None:
        await peer.read()
        await peer.read()
        peer.frame(PONG, "of nobody's")
        peer.frame(TEXT, "one")
        peer.frame(PONG, "first")
        peer.frame(TEXT, "two")
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        first, second = await ws.ping("first"), await ws.ping("second")
        assert isinstance(first, asyncio.Future)
        assert isinstance(second, asyncio.Future)
        assert await ws.recv() == "one"
        assert await ws.recv() == "two"
        assert first.done()
        assert not second.done()


async def test_pings_that_are_not_answered_fail_with_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.read()
        await peer.read()
        peer.close(1011)
        await peer.reader.read()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        pong, _ignored = await ws.ping(), await ws.ping()
        with pytest.raises(wsc.ConnectionClosedError):
            await pong


async def test_pings_that_are_not_answered_fail_with_the_loop() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read()

    async with serve(opened(script)) as url:
        ws = await wsc.connect(url)
        pong = await ws.ping()
        ws._poller.close("the library refused to go on")
        assert ws.closed
        assert isinstance(pong, asyncio.Future)
        assert pong.done()
        with pytest.raises(wsc.LibraryError, match="refused"):
            await pong


async def test_a_cancelled_recv_loses_nothing() -> None:
    async def script(peer: Peer) -> None:
        while True:
            op, payload = await peer.read()
            if op == 8:
                peer.frame(op, payload)
                return
            peer.frame(TEXT, b"answer to " + payload)

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        for number in range(50):
            waiting = asyncio.ensure_future(ws.recv())
            await asyncio.sleep(0)
            if number % 2:
                # Cancelled in the moment in which the answer is there.
                await ws.send(str(number))
                while not ws._messages:
                    await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            else:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await ws.send(str(number))
            assert await ws.recv() == f"answer to {number}"


async def test_one_task_receives_at_a_time() -> None:
    async with serve(echo) as url, wsc.connect(url) as ws:
        waiting = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        with pytest.raises(wsc.ConcurrencyError):
            await ws.recv()
        await ws.send("hello")
        assert await waiting == "hello"


async def test_abort() -> None:
    async def script(peer: Peer) -> None:
        assert await peer.reader.read() == b""

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        ws.abort()
        await ws.wait_closed()
        assert ws.close_code == 1006
        ws.abort()
        with pytest.raises(wsc.ConnectionClosedError):
            await ws.recv()


async def test_credentials_are_not_shown() -> None:
    async with serve(until_end) as url:
        secret = url.replace("//", "//user:secret@") + "/path?token=secret"
        async with wsc.connect(secret) as ws:
            assert "secret" not in repr(ws)
            assert "/path" in repr(ws)
