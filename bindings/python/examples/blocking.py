"""The same as first.py for a program without asyncio."""

import sys

import wsc.sync

url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:1234"
with wsc.sync.connect(url, connect_timeout=5) as ws:
    ws.send("hello")
    print(f"recv: {ws.recv(timeout=5)!r}")
