"""Stays subscribed to a feed: logs in with each connection, and comes back after each loss."""

import asyncio
import sys

import wsc


async def main(url: str, enough: int) -> None:
    """Prints messages until there were enough of them."""
    count = 0
    async for ws in wsc.connect(
        url,
        additional_headers={"Authorization": "Bearer token"},
        prologue=["subscribe"],  # sent first, whenever the connection opens
        ping_interval=20,
        reconnect_delay=(0.1, 30),
    ):
        print(f"connected: attempt {ws.report.attempt}")
        try:
            async for message in ws:
                print(f"recv: {message!r}")
                count += 1
                if count == enough:
                    return
        except wsc.ConnectionClosedError as error:
            print(f"lost: {error}")


try:
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3))
except wsc.ConnectError as error:  # one that another attempt cannot mend
    sys.exit(f"{type(error).__name__}: {error}")
