"""Echoes with permessage-deflate, in random fragments; prints its URL."""

import asyncio
import random

import websockets


def fragments(message):
    at = 0
    while at < len(message):
        size = random.randint(1, len(message))
        yield message[at : at + size]
        at += size


async def echo(peer):
    async for message in peer:
        await peer.send(fragments(message) if message else message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, compression="deflate") as server:
        port = server.sockets[0].getsockname()[1]
        print(f"ws://127.0.0.1:{port}/", flush=True)
        await asyncio.Future()


asyncio.run(main())
