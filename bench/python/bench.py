"""What the clients of the benchmark in Python share.

It is told its work by the environment, counts what it did, and prints one line of
JSON. The README of the benchmark says what the variables and the fields mean.
"""

import itertools
import json
import os
import time

# How many connections are opened at a time.
OPENING = 64


def _number(name):
    return int(os.environ[f'BENCH_{name}'])


workload = os.environ['BENCH_WORKLOAD']
url = os.environ['BENCH_URL']
deflate = 'BENCH_DEFLATE' in os.environ
count, warmup, size = _number('COUNT'), _number('WARMUP'), _number('SIZE')
connections, depth = _number('CONNECTIONS'), _number('DEPTH')
total = warmup + count


def payloads():
    """What to send, for ever: text when it is compressed, bytes when it is not."""
    if not deflate:
        return itertools.repeat(b'x' * size)
    with open(os.environ['BENCH_MESSAGES']) as messages:
        return itertools.cycle(messages.read().splitlines())


class Clock:
    """Counts operations, and times those after the warm-up."""

    def __init__(self):
        self.done = 0
        self.laps = [] if workload == 'echo' else None
        self.opening = {}
        self.last = 0

    def open(self):
        """Begins the opening of many connections."""
        self.before = time.monotonic_ns(), time.process_time_ns(), _status('VmRSS:')

    def opened(self):
        """All connections are open: what follows is measured."""
        wall, cpu, rss = self.before
        self.opening = {
            'open_wall_ns': time.monotonic_ns() - wall,
            'open_cpu_ns': time.process_time_ns() - cpu,
            'open_rss_kib': _status('VmRSS:') - rss,
            'threads': _status('Threads:'),
        }
        self.start()

    def start(self):
        """The warm-up is over."""
        self.wall = self.last = time.monotonic_ns()
        self.cpu = time.process_time_ns()

    def step(self, message):
        """One more message is there; true when it was the last."""
        if len(message) != size:
            raise SystemExit(f'a message has the wrong size: {len(message)}')
        self.done += 1
        if self.laps is not None:
            now = time.monotonic_ns()
            self.laps.append(now - self.last)
            self.last = now
        if self.done == warmup:
            self.start()
        return self.done == total

    def report(self):
        result = {
            'operations': count,
            'wall_ns': time.monotonic_ns() - self.wall,
            'cpu_ns': time.process_time_ns() - self.cpu,
            'rss_kib': _status('VmRSS:'),
            **self.opening,
        }
        if self.laps:
            laps = sorted(self.laps[warmup:])
            result['p50_ns'] = laps[(len(laps) - 1) // 2]
            result['p99_ns'] = laps[(len(laps) - 1) * 99 // 100]
        print(json.dumps(result), flush=True)


def _status(field):
    """A number from the kernel's account of the process."""
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))
