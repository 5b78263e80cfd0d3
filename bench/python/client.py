"""websockets, or libwsc's package, whose interface is the same for this work.

client.py websockets|wsc asyncio|blocking
"""

import asyncio
import importlib
import os
import sys

import bench

LIBRARY, INTERFACE = sys.argv[1:]
OPTIONS = {'max_size': max(bench.size, 1 << 20)}
if LIBRARY == 'websockets':
    OPTIONS |= {'compression': 'deflate' if bench.deflate else None, 'ping_interval': None, 'proxy': None}
elif bench.deflate:
    OPTIONS['compression'] = 'deflate'
MODULES = {
    'websockets asyncio': 'websockets.asyncio.client',
    'websockets blocking': 'websockets.sync.client',
    'wsc asyncio': 'wsc',
    'wsc blocking': 'wsc.sync',
}


async def run(clock, connect):
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


def run_blocking(clock, connect):
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


connect = importlib.import_module(MODULES[f'{LIBRARY} {INTERFACE}']).connect
if INTERFACE == 'blocking':
    run_blocking(bench.Clock(), connect)
else:
    asyncio.run(run(bench.Clock(), connect))
