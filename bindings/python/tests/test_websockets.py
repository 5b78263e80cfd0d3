"""Against the server of python websockets."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

import wsc

websockets = pytest.importorskip("websockets")


async def handler(ws: Any) -> None:
    async for message in ws:
        if message == "close me":
            await ws.close(4000, "as you like")
        else:
            await ws.send(message)


def address(server: Any) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_everything_at_once(compression: Any) -> None:
    async with (
        websockets.serve(
            handler,
            "127.0.0.1",
            0,
            subprotocols=["chat"],
            compression=compression,
            max_size=1 << 25,
        ) as server,
        wsc.connect(address(server), subprotocols=["chat"], compression=compression) as ws,
    ):
        assert ws.subprotocol == "chat"
        assert (ws.extensions is None) == (compression is None)
        for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            data = os.urandom(size)
            for message in (data.decode("latin-1"), data):
                await ws.send(message)
                assert await ws.recv() == message
        await ws.send(["in ", "parts"])
        assert await ws.recv() == "in parts"
        await ws.send("as it is", compress=False)
        assert await ws.recv() == "as it is"
        assert await (await ws.ping()) > 0
        await ws.send("close me")
        with pytest.raises(wsc.ConnectionClosedError) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.reason) == (4000, "as you like")


async def test_many_messages_both_ways() -> None:
    count = 20000

    async def send(ws: wsc.Connection) -> None:
        for number in range(count):
            await ws.send(str(number))

    async with websockets.serve(handler, "127.0.0.1", 0, compression=None) as server:
        ws = await wsc.connect(address(server))
        sending = asyncio.ensure_future(send(ws))
        for number in range(count):
            assert await ws.recv() == str(number)
        await sending
        await ws.close()
