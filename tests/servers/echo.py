"""Echoes; closes when asked to; refuses everything below /forbidden.

    echo.py HOST PORT [CERTIFICATE KEY]
"""

import asyncio
import http
import ssl
import sys

import websockets


async def echo(peer):
    async for message in peer:
        if message == "close me":
            await peer.close(4000, "as asked")
        else:
            await peer.send(message)


async def refuse(path, headers):
    if path.startswith("/forbidden"):
        return http.HTTPStatus.FORBIDDEN, [("X-Why", "closed")], b"not for you\n"


async def main(host, port, certificate=None, key=None):
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    async with websockets.serve(
        echo, host, int(port), ssl=context, process_request=refuse, subprotocols=["chat"]
    ):
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
