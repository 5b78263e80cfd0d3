"""websockets: `peer.py asyncio` or `peer.py threads` chooses its interface."""

import asyncio
import os
import sys

import bench

OPTIONS = {
    'compression': 'deflate' if bench.deflate else None,
    'max_size': max(bench.size, 1 << 20),
    'ping_interval': None,
    'proxy': None,
}


async def run(clock):
    from websockets.asyncio.client import connect
    if bench.connections > 1:
        return await run_many(clock, connect)
    payloads = bench.payloads()
    async with connect(bench.url, **OPTIONS) as connection:
        if bench.workload == 'send':
            for number in range(bench.total):
                if number == bench.warmup:
                    clock.start()
                await connection.send(next(payloads))
            await connection.recv()
        else:
            echo = bench.workload == 'echo'
            for _ in range(bench.depth if echo else 0):
                await connection.send(next(payloads))
            async for message in connection:
                if clock.step(message):
                    break
                if echo:
                    await connection.send(next(payloads))
        end(clock)


async def run_many(clock, connect):
    clock.open()
    opening = asyncio.Semaphore(bench.OPENING)

    async def open_one():
        async with opening:
            return await connect(bench.url, **OPTIONS)

    connections = await asyncio.gather(*(open_one() for _ in range(bench.connections)))
    clock.opened()
    payload = next(bench.payloads())

    async def serve(connection):
        if bench.workload == 'echo':
            await connection.send(payload)
        async for message in connection:
            if clock.step(message):
                end(clock)
            if bench.workload == 'echo':
                await connection.send(payload)

    if bench.workload == 'fan':
        await connections[0].send('go')
    await asyncio.gather(*map(serve, connections))


def run_threads(clock):
    from websockets.sync.client import connect
    payloads = bench.payloads()
    with connect(bench.url, **OPTIONS) as connection:
        if bench.workload == 'send':
            for number in range(bench.total):
                if number == bench.warmup:
                    clock.start()
                connection.send(next(payloads))
            connection.recv()
        else:
            echo = bench.workload == 'echo'
            for _ in range(bench.depth if echo else 0):
                connection.send(next(payloads))
            for message in connection:
                if clock.step(message):
                    break
                if echo:
                    connection.send(next(payloads))
        end(clock)


def end(clock):
    """The connections' close handshakes are not part of the work."""
    clock.report()
    os._exit(0)


if sys.argv[1] == 'threads':
    run_threads(bench.Clock())
else:
    asyncio.run(run(bench.Clock()))
