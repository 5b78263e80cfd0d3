"""Connects, says hello, and prints what comes back."""

import asyncio
import sys

import wsc


async def main(url: str) -> None:
    """Talks to an echo server."""
    async with wsc.connect(url) as ws:  # wss:// works as well
        await ws.send("hello")
        message = await ws.recv()
        print(f"recv: {message!r}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:1234"))
