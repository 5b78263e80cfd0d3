"""Much of everything: queues stay bounded, nothing is lost, nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from interruption import Interrupted, Interruption
from peer import BINARY, CLOSE, PONG, TEXT, Peer, echo, opened, serve, until_end
from programs import PATIENCE

import wsc
from wsc._reactor import Reactor


def resident() -> int:
    """The bytes of memory this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def settled(progress: Callable[[], int]) -> None:
    """Lets the loop turn until a count stays as it is."""
    last, turns = -1, 0
    while turns < 1000:
        turns = turns + 1 if progress() == last else 0
        last = progress()
        await asyncio.sleep(0)


async def test_a_slow_consumer_is_waited_for() -> None:
    size, count = 1 << 16, 1024  # 64 MiB, more than the system's buffers take
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        for number in range(count):
            peer.frame(BINARY, number.to_bytes(4, "big") * (size // 4))
            await peer.writer.drain()
            sent += 1
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url, receive_queue_limit=4 * size) as ws:
        await settled(lambda: sent)
        assert sent < count
        held = sum(len(message) for message in ws._messages)
        # Our limit, the library's, and what each is soft by.
        assert held + ws.counters["memory_bytes"] < 32 * size
        for number in range(count):
            message = await ws.recv()
            assert message[:4] == number.to_bytes(4, "big")


async def test_a_slow_consumer_can_close() -> None:
    """The server's close frame is behind much that nobody receives."""
    size, count = 1 << 16, 512  # 32 MiB after our close frame

    async def script(peer: Peer) -> None:
        async def flood() -> None:
            while True:
                peer.frame(BINARY, bytes(size))
                await peer.writer.drain()

        flooding = asyncio.ensure_future(flood())
        assert (await peer.read())[0] == CLOSE
        flooding.cancel()
        for _ in range(count):
            peer.frame(BINARY, bytes(size))
            await peer.writer.drain()
        peer.close(1000)

    async with (
        serve(opened(script)) as url,
        wsc.connect(url, close_timeout=PATIENCE, receive_queue_limit=4 * size) as ws,
    ):
        while not ws._paused:
            await asyncio.sleep(0)
        await ws.close()
        assert ws.close_code == 1000
        received = 0
        async for message in ws:
            received += len(message)
        assert 0 < received < 32 * size


async def test_what_is_received_after_close_has_no_gap() -> None:
    size, first, more = 1 << 16, 4, 4
    emptied = asyncio.Event()

    async def script(peer: Peer) -> None:
        def messages(begin: int, end: int) -> None:
            for number in range(begin, end):
                peer.frame(BINARY, bytes([number]) * size)

        _, ping = await peer.read()
        messages(0, first)
        assert (await peer.read())[0] == CLOSE
        messages(first, first + more)
        peer.frame(PONG, ping)
        await emptied.wait()
        peer.frame(BINARY, bytes([first + more]))
        peer.close(1000)

    async with (
        serve(opened(script)) as url,
        wsc.connect(url, close_timeout=PATIENCE, receive_queue_limit=size) as ws,
    ):
        pong = await ws.ping()
        while not ws._paused:
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(ws.close())
        await pong
        received = []
        while ws._messages:
            received.append(await ws.recv())
        emptied.set()
        await closing
        received += [message async for message in ws]
        numbers = [message[0] for message in received]
        assert 0 < len(numbers) < first + more
        assert numbers == list(range(len(numbers)))


async def test_a_large_message_is_received_after_close() -> None:
    """One message has room, whatever its size, if nothing waits before it."""
    size = 1 << 20

    async def script(peer: Peer) -> None:
        assert (await peer.read())[0] == CLOSE
        peer.frame(BINARY, bytes(size))
        peer.close(1000)

    async with serve(opened(script)) as url, wsc.connect(url, receive_queue_limit=1000) as ws:
        await ws.close()
        assert await ws.recv() == bytes(size)


async def test_exceptions_of_signal_handlers_lose_nothing() -> None:
    async def script(peer: Peer) -> None:
        _, ping = await peer.read()
        for word in ("one", "two"):
            peer.frame(TEXT, word)
        peer.frame(PONG, ping)
        peer.frame(TEXT, "three")
        peer.close(1000)
        await peer.reader.read()

    errors = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: errors.append(context["exception"])
    )
    lines, happened = 0, True
    async with serve(opened(script)) as url:
        while happened:
            ws = await wsc.connect(url)
            pong = await ws.ping()
            with Interruption(lines) as interruption:
                assert [word async for word in ws] == ["one", "two", "three"], lines
            assert await pong >= 0
            lines, happened = lines + 1, interruption.happened
    assert lines > 1
    assert all(isinstance(error, Interrupted) for error in errors)
    assert len(errors) == lines - 1


async def test_a_fast_sender_waits() -> None:
    size, count, limit = 1 << 16, 256, 1 << 17  # 16 MiB
    read_on = asyncio.Event()
    arrived = 0

    async def script(peer: Peer) -> None:
        nonlocal arrived
        await read_on.wait()
        while True:
            op, payload = await peer.read()
            if op == CLOSE:
                peer.frame(CLOSE, payload)
                return
            assert payload[:4] == arrived.to_bytes(4, "big")
            arrived += 1

    async def send_all(ws: wsc.Connection) -> None:
        for number in range(count):
            await ws.send(number.to_bytes(4, "big") * (size // 4))
            assert ws.buffered_amount < limit + 2 * size

    async with serve(opened(script)) as url, wsc.connect(url, send_queue_limit=limit) as ws:
        sender = asyncio.ensure_future(send_all(ws))
        while not ws._waiters:
            await asyncio.sleep(0)
        assert not sender.done()
        read_on.set()
        await sender
    assert arrived == count


async def test_a_cancelled_send_has_sent_nothing() -> None:
    read_on = asyncio.Event()
    received = []

    async def script(peer: Peer) -> None:
        await read_on.wait()
        while True:
            op, payload = await peer.read()
            if op == CLOSE:
                peer.frame(CLOSE, payload)
                return
            received.append(payload[:1])

    async with serve(opened(script)) as url, wsc.connect(url, send_queue_limit=1000) as ws:
        sent = 0
        while True:
            sending = asyncio.ensure_future(ws.send(b"a" * (1 << 20)))
            await asyncio.sleep(0)
            if not sending.done():
                break
            sent += 1
        sending.cancel()
        await asyncio.wait([sending])
        read_on.set()
        await ws.send(b"b")
    assert received == [b"a"] * sent + [b"b"]


async def test_two_hundred_connections() -> None:
    async with serve(echo) as url:
        connections = await asyncio.gather(*(wsc.connect(url)._open() for _ in range(200)))
        reactor = await Reactor.running()
        assert len(reactor.sessions) == 200

        async def talk(number: int, ws: wsc.Connection) -> None:
            for word in range(5):
                await ws.send(f"{number} {word}")
            assert [await ws.recv() for _ in range(5)] == [f"{number} {w}" for w in range(5)]
            await ws.close()

        await asyncio.gather(*(talk(*pair) for pair in enumerate(connections)))
        assert not reactor.sessions


async def test_memory_is_flat_over_many_messages() -> None:
    rounds, per_round = 100, 1000

    async def script(peer: Peer) -> None:
        for _ in range(rounds):
            for _ in range(per_round):
                peer.frame(TEXT, "x" * 64)
            await peer.writer.drain()
            for _ in range(per_round):
                await peer.read()
        await peer.until_end()

    async with serve(opened(script)) as url, wsc.connect(url) as ws:
        before = 0
        for number in range(rounds):
            if number == rounds // 5:
                before = resident()
            for _ in range(per_round):
                await ws.recv()
            for _ in range(per_round):
                await ws.send("y" * 64)
        assert ws._held < ws._limit, "the consumer is not slow"
        assert resident() - before < 4 << 20


async def test_nothing_is_left_of_many_connections() -> None:
    async with serve(until_end) as url:
        async with wsc.connect(url):
            pass
        before = None
        for number in range(300):
            ws = await wsc.connect(url)
            if number % 3 == 0:
                await ws.close()
            else:
                ws.abort()
                await ws.wait_closed()
            if number == 100:
                before = resident()
        assert before is not None
        assert resident() - before < 4 << 20
        reactor = await Reactor.running()
        assert not reactor.sessions


async def test_failed_attempts_leave_no_descriptors() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.answer("500 No", "Content-Length: 0")

    async with serve(script) as url:
        for number in range(30):
            with contextlib.suppress(wsc.HandshakeError):
                await wsc.connect(url)
            # The server's side of the last one may still be open.
            if number == 10:
                before = descriptors()
        assert descriptors() <= before + 2
