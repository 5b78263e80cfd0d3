"""Loops, threads, forks and the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from peer import PONG, TEXT, Peer, echo, opened, serve
from programs import PATIENCE, run, serving

import wsc


def has_library_threads(count: int) -> bool:
    """Waits until there are so many threads of the library.

    They take a moment to get their name, and to leave the system's list.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        names = []
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):
                names.append((task / "comm").read_text())
        if sum(name.startswith("wsc") for name in names) == count:
            return True
        time.sleep(0.001)
    return False


async def forgetful(peer: Peer) -> None:
    """A server that survives a client which just goes."""
    await peer.reader.read()


def test_asyncio_run_frees_what_is_left() -> None:
    kept = []

    async def main(url: str) -> None:
        kept.append(await wsc.connect(url))
        assert has_library_threads(1)

    with serving(opened(forgetful)) as url:
        for _ in range(3):
            asyncio.run(main(url))
            assert has_library_threads(0)
    for ws in kept:
        assert ws.closed
        assert "closed" in repr(ws)
        with pytest.raises(wsc.LibraryError, match="event loop was closed"):
            asyncio.run(ws.send("late"))


def test_a_loop_that_is_just_closed() -> None:
    with serving(opened(forgetful)) as url:
        loop = asyncio.new_event_loop()
        ws = loop.run_until_complete(wsc.connect(url)._open())
        assert has_library_threads(1)
        loop.close()
        # Seen by the next, or when nobody has it any more.
        other = asyncio.new_event_loop()
        second = other.run_until_complete(wsc.connect(url)._open())
        assert ws.closed
        assert has_library_threads(1)
        other.close()
        del other, second, ws, loop
        gc.collect()
        assert has_library_threads(0)


def test_a_loop_that_is_closed_while_tasks_wait() -> None:
    tasks: list[asyncio.Future[Any]] = []

    async def wait_for_everything(url: str) -> wsc.Connection:
        ws = await wsc.connect(url)
        pong = await ws.ping()
        for call in (ws.recv(), ws.wait_closed(), pong):
            tasks.append(asyncio.ensure_future(call))
        await asyncio.sleep(0)
        return ws

    async def connect(url: str) -> None:
        await wsc.connect(url)

    with serving(opened(forgetful)) as url:
        loop = asyncio.new_event_loop()
        both = [loop.run_until_complete(wait_for_everything(url)) for _ in range(2)]
        loop.close()
        asyncio.run(connect(url))
        assert all(ws.closed for ws in both)
        assert has_library_threads(0)
    for task in tasks:
        assert not task.done()
        # Nobody complains that they are destroyed while they wait, as they are here.
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_loops_in_two_threads() -> None:
    async def talk(url: str) -> None:
        async with wsc.connect(url) as ws:
            for number in range(200):
                await ws.send(str(number))
                assert await ws.recv() == str(number)

    errors: list[BaseException] = []

    def thread(url: str) -> None:
        try:
            asyncio.run(talk(url))
        except BaseException as error:
            errors.append(error)

    with serving(echo) as url:
        threads = [threading.Thread(target=thread, args=(url,)) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert not errors
    assert has_library_threads(0)


async def test_a_program_that_is_busy_keeps_its_connections() -> None:
    """The library answers pings while the event loop does not run."""
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.frame(9, "there?")
        assert await peer.read() == (10, b"there?")
        answered.set()
        await peer.until_end()

    async with serve(script) as url, wsc.connect(url):
        await answered.wait()


FORK = """
import asyncio, os, sys, wsc

async def main(url):
    async with wsc.connect(url) as ws:
        await ws.send("before")
        while not ws._messages:
            await asyncio.sleep(0)
        pid = os.fork()
        if pid == 0:
            try:
                child(ws, url)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        assert await ws.recv() == "before"
        await ws.send("parent")
        assert await ws.recv() == "parent"

def child(ws, url):
    for call in (ws.send("x"), ws.recv(), ws.ping(), ws.close(), ws.wait_closed()):
        try:
            call.send(None)
        except wsc.ForkedError as error:
            assert "fork" in str(error)
        else:
            raise AssertionError(call)
    asyncio.run(again(url))

async def again(url):
    async with wsc.connect(url) as ws:
        await ws.send("child")
        assert await ws.recv() == "child"

asyncio.run(main(sys.argv[1]))
"""


def test_a_fork() -> None:
    with serving(echo) as url:
        assert run("-W", "ignore::DeprecationWarning", "-c", FORK, url).stderr == ""


FORK_BEFORE_CONNECTING = """
import asyncio, os, sys, wsc

async def main(text):
    async with wsc.connect(sys.argv[1]) as ws:
        await ws.send(text)
        assert await ws.recv() == text

pid = os.fork()
asyncio.run(main("parent" if pid else "child"))
if pid:
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
"""


def test_a_fork_before_the_first_connection() -> None:
    with serving(echo) as url:
        assert run("-c", FORK_BEFORE_CONNECTING, url).stderr == ""


FORK_IN_A_HANDLER = """
import os, sys, wsc.sync

def handler(payload):
    # As a signal handler does that comes while the events are delivered.
    global pid
    pid = os.fork()

ws = wsc.sync.connect(sys.argv[1])
ws._pong = handler
ws.send("begin")
try:
    received = [ws.recv(), ws.recv()]
except wsc.ForkedError:
    try:
        ws.recv()
    except wsc.ForkedError:
        os._exit(len(ws._messages))
if pid == 0:
    print("the child received", received, file=sys.stderr)
    os._exit(9)
assert received == ["one", "two"]
_, status = os.waitpid(pid, 0)
# What was delivered before the fork is in its memory, what was not yet is not.
assert os.WEXITSTATUS(status) in (0, 1), status
ws.send("parent")
assert ws.recv() == "parent"
ws.close()
"""


def test_a_fork_while_events_are_delivered() -> None:
    async def script(peer: Peer) -> None:
        await peer.read()
        peer.frame(TEXT, "one")
        peer.frame(PONG, "here")
        peer.frame(TEXT, "two")
        await peer.echo()

    with serving(opened(script)) as url:
        assert run("-W", "ignore::DeprecationWarning", "-c", FORK_IN_A_HANDLER, url).stderr == ""


KEEPS = "import asyncio, sys, wsc\nasync def main(): return await wsc.connect(sys.argv[1])\n"


@pytest.mark.parametrize(
    "program",
    [
        KEEPS + "ws = asyncio.run(main())",
        KEEPS + "loop = asyncio.new_event_loop()\nws = loop.run_until_complete(main())",
        KEEPS + "loop = asyncio.new_event_loop()\nloop.run_until_complete(main())\nsys.exit(0)",
        KEEPS + "connect = main\nasync def main():\n global ws\n ws = await connect()\n"
        " asyncio.ensure_future(ws.recv())\n await asyncio.sleep(0)\n"
        "asyncio.run(main())",
        "import sys, wsc.sync\nws = wsc.sync.connect(sys.argv[1])",
        "import sys, wsc.sync\nws = wsc.sync.connect(sys.argv[1])\nws.send('x')\nraise SystemExit",
    ],
)
def test_the_process_ends_with_connections_open(program: str) -> None:
    with serving(opened(forgetful)) as url:
        assert run("-c", program, url).stderr == ""
