"""What is measured. The README of this directory says what the kinds of work are."""

from dataclasses import dataclass, replace

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    kind: str  # echo, flood, send, fan
    size: int = 64
    cpus: int = 2  # client and server on one processor, or on two
    tls: bool = False
    deflate: bool = False
    connections: int = 1
    depth: int = 1  # messages under way at a time
    rounds: int = 0  # of a fan: messages to each connection
    period: int = 0  # of a fan: ms between rounds
    spread: int = 0  # of a fan: ms over which a round is spread
    slow: bool = False  # measured in half of the rounds
    by_cpu: bool = False  # ranked by processor time, though it is an echo

    @property
    def metric(self):
        """What the ranking goes by: (field of a result, its name)."""
        if self.kind == 'echo' and not self.by_cpu:
            return 'p50_ns', 'median round trip'
        return 'cpu_ns', 'processor time per message'

    def path(self, total):
        """The path that makes the server do its part."""
        deflate = '&deflate=1' if self.deflate else ''
        return {
            'echo': '/echo',
            'flood': f'/flood?count={total}&size={self.size}{deflate}',
            'send': f'/sink?count={total}{deflate}',
            'fan': f'/fan?size={self.size}&rounds={self.rounds}&period={self.period}&spread={self.spread}',
        }[self.kind]


def echo(name, title, **more):
    return Workload(name, title, 'echo', **more)


def fan(connections, **more):
    return Workload(kind='fan', connections=connections, slow=connections > 1000, **more)


# The length of each of the messages that are sent compressed.
MESSAGE_SIZE = 512

SUITE = [
    echo('rtt-64', 'Round trip of 64 B, client and server on one processor', cpus=1),
    echo('rtt-1k', 'Round trip of 1 KiB, on one processor', size=KIB, cpus=1),
    echo('rtt-16k', 'Round trip of 16 KiB, on one processor', size=16 * KIB, cpus=1),
    echo('rtt-64-apart', 'Round trip of 64 B, on two processors'),
    echo('rtt-1k-apart', 'Round trip of 1 KiB, on two processors', size=KIB),
    echo('rtt-16k-apart', 'Round trip of 16 KiB, on two processors', size=16 * KIB),
    echo('echo-1m', 'Echo of 1 MiB', size=MIB),
    Workload('flood-64', 'Receiving 64 B messages', 'flood'),
    Workload('flood-1k', 'Receiving 1 KiB messages', 'flood', size=KIB),
    Workload('flood-64k', 'Receiving 64 KiB messages', 'flood', size=64 * KIB),
    Workload('send-64', 'Sending 64 B messages, one call each', 'send'),
    Workload('send-1k', 'Sending 1 KiB messages, one call each', 'send', size=KIB),
    fan(1000, name='fan-1000', title='1,000 connections, a message a second each',
        rounds=2, period=1000, spread=1000),
    fan(1000, name='fan-1000-burst', title='1,000 connections, a message to all at once',
        rounds=10, period=100),
    fan(10000, name='fan-10000', title='10,000 connections, a message a second each',
        rounds=2, period=1000, spread=1000),
    fan(10000, name='fan-10000-burst', title='10,000 connections, a message to all at once',
        rounds=4, period=500),
    echo('tls-rtt-64', 'TLS: round trip of 64 B, on two processors', tls=True),
    Workload('tls-flood-1k', 'TLS: receiving 1 KiB messages', 'flood', size=KIB, tls=True),
    echo('tls-echo-1m', 'TLS: echo of 1 MiB', size=MIB, tls=True),
    Workload('deflate-flood', 'permessage-deflate: receiving 512 B of JSON', 'flood',
             size=MESSAGE_SIZE, deflate=True),
    Workload('deflate-send', 'permessage-deflate: sending 512 B of JSON', 'send',
             size=MESSAGE_SIZE, deflate=True),
]

_BASE = echo('', '')

# Each curve: its title, what is on its axis, and a workload for each of its points.
CURVES = {
    'size': ('Round trip against message size', 'bytes', {
        size: replace(_BASE, name=f'size-{size}', size=size)
        for size in (16 << shift for shift in range(0, 21, 2))
    }),
    'connections': ('Echo of 64 B against the number of connections', 'connections', {
        count: replace(_BASE, name=f'connections-{count}', connections=count, by_cpu=True)
        for count in (1, 10, 100, 1000, 10000)
    }),
    'depth': ('Echo of 64 B against the messages under way', 'messages under way', {
        depth: replace(_BASE, name=f'depth-{depth}', depth=depth, by_cpu=True)
        for depth in (1, 4, 16, 64, 256, 1024)
    }),
}
