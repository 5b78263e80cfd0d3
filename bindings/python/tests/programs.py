"""Programs that are run in a process of their own, for a server in a thread of this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from peer import Script, serve

PACKAGE = Path(__file__).resolve().parent.parent
REPOSITORY = PACKAGE.parent.parent
PATIENCE = 20
"""Seconds to wait for what should happen."""


@contextlib.contextmanager
def serving(script: Script) -> Iterator[str]:
    """Runs a scripted server in a thread; its errors fail the test."""
    started = threading.Event()
    urls: list[str] = []
    errors: list[BaseException] = []
    loop = asyncio.new_event_loop()
    stop = loop.create_future()

    async def main() -> None:
        async with serve(script) as url:
            urls.append(url)
            started.set()
            await stop

    def run() -> None:
        try:
            loop.run_until_complete(main())
        except BaseException as error:
            errors.append(error)
        finally:
            loop.close()
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set_result, None)
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not errors, errors


def run(
    *arguments: str | Path, path: Path = PACKAGE / "src", check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs Python with the package in its path."""
    result = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if check:
        assert result.returncode == 0, result.stderr
    return result
