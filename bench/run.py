#!/usr/bin/env python3
"""Measures the clients against the server: `make bench` is the way in.

Every client of a workload runs once in each round, in an order that changes, so that
what disturbs the machine disturbs all of them. How much work one run does is found out
beforehand, from a short run of each.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import clients as catalogue
import machine
import report
from workloads import CURVES, MESSAGE_SIZE, MIB, SUITE

FILE_DESCRIPTORS = 24_000
RUN_LIMIT = 60  # seconds

# What the short run does, and what a measured one may do at most.
TRIAL_BYTES = 4 * MIB
TRIAL_MESSAGES = {'echo': 200, 'flood': 20_000, 'send': 2_000}
MOST_MESSAGES = 20_000_000


class Server:
    """The server's process, pinned to one processor."""

    def __init__(self, out, processors):
        self.processors = processors
        self.messages = out / 'messages.jsonl'
        write_messages(self.messages)
        certificate, key = make_certificates(out / 'tls')
        self.authority = out / 'tls' / 'ca.pem'
        self.process = subprocess.Popen(
            [out / 'bin' / 'server', certificate, key, self.messages],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.plain, self.tls = map(int, self.process.stdout.readline().split())

    def pin(self, workload):
        os.sched_setaffinity(self.process.pid, {self.processors[workload.cpus - 1]})

    def cpu(self):
        with open(f'/proc/{self.process.pid}/schedstat') as schedstat:
            return int(schedstat.read().split()[0]) / 1e9

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def write_messages(path):
    """Messages like those of a market's feed, each of the same length."""
    numbers = random.Random(1)
    lines = []
    for sequence in range(256):
        trades = []
        while True:
            trades.append({
                'id': 4_503_599_000 + sequence * 8 + len(trades),
                'price': f'{numbers.uniform(40_000, 44_000):.2f}',
                'amount': f'{numbers.uniform(0, 2):.5f}',
                'side': numbers.choice(('buy', 'sell')),
            })
            message = {'channel': 'trades', 'symbol': numbers.choice(('BTC-EUR', 'ETH-EUR')),
                       'time': 1_700_000_000_000 + sequence * 137, 'trades': trades}
            line = json.dumps(message)
            if len(line) > MESSAGE_SIZE - 90:
                break
        lines.append(line[:-1].ljust(MESSAGE_SIZE - 1) + '}')
    path.write_text('\n'.join(lines) + '\n')


def make_certificates(place):
    """An authority of our own and a certificate for 127.0.0.1 and localhost."""
    certificate, key = place / 'server.pem', place / 'server.key'
    if certificate.exists():
        return certificate, key
    place.mkdir(parents=True, exist_ok=True)
    new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    request = ['openssl', 'req', '-x509', '-days', '3650', *new_key]
    openssl(*request, '-subj', '/CN=libwsc benchmark', '-keyout', place / 'ca.key',
            '-out', place / 'ca.pem')
    openssl(*request, '-subj', '/CN=localhost', '-CA', place / 'ca.pem', '-CAkey', place / 'ca.key',
            '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
            '-addext', 'basicConstraints=critical,CA:FALSE',
            '-keyout', key, '-out', certificate)
    return certificate, key


def openssl(*command):
    subprocess.run(command, check=True, capture_output=True)


class Runner:
    def __init__(self, out, library, server, processors, seconds):
        self.out = out
        self.library = library
        self.server = server
        self.processor = processors[0]
        self.seconds = seconds
        self.addresses = itertools.cycle(range(2, 250))

    def measure(self, clients, workload, rounds):
        """The results of each client, and why those without any have none."""
        counts, results, failures = {}, {}, {}
        for client in clients:
            try:
                counts[client.name] = self.calibrate(client, workload)
                results[client.name] = []
            except ClientFailed as failure:
                failures[client.name] = str(failure)
        for turn in range(rounds):
            order = [client for client in clients if client.name in results]
            random.Random(turn).shuffle(order)
            for client in order:
                try:
                    results[client.name].append(
                        self.run(client, workload, counts[client.name]))
                except ClientFailed as failure:
                    failures[client.name] = str(failure)
        return {name: runs for name, runs in results.items() if runs}, failures

    def calibrate(self, client, workload):
        """How many messages take about as long as one run may."""
        if workload.kind == 'fan':
            return workload.connections * workload.rounds
        trial = max(TRIAL_MESSAGES[workload.kind], workload.connections * 2)
        trial = max(min(trial, TRIAL_BYTES // workload.size), 8)
        result = self.run(client, workload, trial)
        per_message = result['wall_ns'] / trial
        fitting = int(self.seconds * 1e9 / max(per_message, 1))
        return max(min(fitting, MOST_MESSAGES), workload.connections, 10)

    def run(self, client, workload, count):
        warmup = 0 if workload.kind == 'fan' else max(int(count * client.warmup), 2)
        env = self.environment(client, workload, count, warmup)
        command = [self.fill_in(part) for part in client.command]
        self.server.pin(workload)
        before = Account(self.server)
        try:
            done = subprocess.run(
                command, env=env, capture_output=True, text=True, timeout=RUN_LIMIT,
                preexec_fn=lambda: os.sched_setaffinity(0, {self.processor}))
        except subprocess.TimeoutExpired:
            raise ClientFailed(f'did not end within {RUN_LIMIT} s') from None
        lines = [line for line in done.stdout.splitlines() if line.startswith('{')]
        if done.returncode or not lines:
            said = (done.stderr.strip() or done.stdout.strip() or 'nothing').splitlines()[-1]
            raise ClientFailed(f'exit status {done.returncode}, said: {said[:200]}')
        result = json.loads(lines[-1])
        result['foreign_cpu'] = before.foreign_cpu()
        return result

    def environment(self, client, workload, count, warmup):
        # An address of its own gives each run a fresh range of client ports. The
        # certificate is for one address.
        host = '127.0.0.1' if workload.tls else f'127.0.0.{next(self.addresses)}'
        scheme, port = ('wss', self.server.tls) if workload.tls else ('ws', self.server.plain)
        path = workload.path(count + warmup)
        env = {
            'BENCH_WORKLOAD': workload.kind,
            'BENCH_URL': f'{scheme}://{host}:{port}{path}',
            'BENCH_HOST': host,
            'BENCH_PORT': str(port),
            'BENCH_PATH': path,
            'BENCH_COUNT': str(count),
            'BENCH_WARMUP': str(warmup),
            'BENCH_SIZE': str(workload.size),
            'BENCH_CONNECTIONS': str(workload.connections),
            'BENCH_DEPTH': str(workload.depth),
            # Where OpenSSL, Go and Node look for the authorities they trust.
            'SSL_CERT_FILE': str(self.server.authority),
            'NODE_EXTRA_CA_CERTS': str(self.server.authority),
        }
        if workload.deflate:
            env |= {'BENCH_DEFLATE': '1', 'BENCH_MESSAGES': str(self.server.messages)}
        return os.environ | env | {name: self.fill_in(value) for name, value in client.env.items()}

    def fill_in(self, text):
        return text.format(out=self.out, here=catalogue.HERE, library=self.library)


class ClientFailed(Exception):
    pass


class Account:
    """What the machine was doing besides, while a client ran."""

    def __init__(self, server):
        self.server = server
        self.start = time.monotonic()
        self.idle_before = self.idle()
        self.ours_before = self.ours()

    def foreign_cpu(self):
        """The processors that neither the client nor the server kept busy, on average."""
        seconds = time.monotonic() - self.start
        busy = seconds * os.cpu_count() - (self.idle() - self.idle_before)
        return round(max(busy - (self.ours() - self.ours_before), 0) / seconds, 3)

    @staticmethod
    def idle():
        with open('/proc/stat') as stat:
            fields = stat.readline().split()
        return (int(fields[4]) + int(fields[5])) / os.sysconf('SC_CLK_TCK')

    def ours(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime + self.server.cpu()


def build(chosen, out, target):
    """Builds and installs what can be here; the clients that are there, and why others are not."""
    there, absent = [], {}
    make = Make(out, target)
    make('rust')
    for client in chosen:
        missing = client.missing()
        if missing is None and client.install and not make(client.install, may_fail=True):
            missing = 'it could not be downloaded'
        if missing is not None:
            absent[client.name] = missing
            continue
        if client.build:
            make(client.build)
        there.append(client)
    return there, absent


class Make:
    """Makes each target of the Makefile here once."""

    def __init__(self, out, target):
        self.command = [os.environ.get('MAKE', 'make'), '--silent', '--no-print-directory',
                        '-C', str(catalogue.HERE), f'OUT={out}', f'TARGET={target}']
        self.done = {}

    def __call__(self, target, may_fail=False):
        if target not in self.done:
            result = subprocess.run([*self.command, target])
            self.done[target] = result.returncode == 0
        if not self.done[target] and not may_fail:
            raise SystemExit(f'bench: {target} cannot be built')
        return self.done[target]


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILE_DESCRIPTORS:
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, FILE_DESCRIPTORS))
            hard = FILE_DESCRIPTORS
    # Not more than needed: libwebsockets makes a table of that size.
    limit = FILE_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, FILE_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def pick_processors():
    """Where clients and, apart from them, the server run."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def chosen(names, possible):
    """The members of `possible`, a dict, that the list asks for; all of them without a list."""
    names = names.replace(',', ' ').split()
    unknown = [name for name in names if name not in possible]
    if unknown:
        raise SystemExit(f'no such name: {" ".join(unknown)}; there are: {" ".join(possible)}')
    return [value for name, value in possible.items() if not names or name in names]


def measure_suite(runner, there, arguments):
    for workload in chosen(arguments.workloads, {work.name: work for work in SUITE}):
        rounds = (arguments.rounds + 1) // 2 if workload.slow else arguments.rounds
        yield measure_one(runner, there, workload, rounds)


def measure_curves(runner, there, arguments):
    curves = {}
    for name in chosen(arguments.curves, {name: name for name in CURVES}):
        _, _, points = CURVES[name]
        curves[name] = {at: measure_one(runner, there, workload, arguments.rounds)
                        for at, workload in points.items()}
    return curves


def measure_one(runner, there, workload, rounds):
    able = [client for client in there if client.can(workload)]
    table = report.Table(workload, *runner.measure(able, workload, rounds))
    print(table.as_text(), flush=True)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=('suite', 'curves', 'messages'),
                        help='messages: only write the file of them')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=0.15, help='how long one run measures')
    parser.add_argument('--workloads', default='', help='names; default all')
    parser.add_argument('--curves', default='', help='names; default all')
    parser.add_argument('--clients', default='', help='names, or their beginnings with a dash; default all')
    parser.add_argument('--target', type=Path, default=catalogue.ROOT / 'target', help="cargo's directory")
    parser.add_argument('--out', type=Path, help='where everything goes; default bench in the target directory')
    parser.add_argument('--document', type=Path, help='whose tables and charts to renew')
    arguments = parser.parse_args()

    target = arguments.target.resolve()
    out = (arguments.out or target / 'bench').resolve()
    out.mkdir(parents=True, exist_ok=True)
    if arguments.what == 'messages':
        write_messages(out / 'messages.jsonl')
        return 0
    raise_file_limit()
    there, absent = build(catalogue.named(arguments.clients), out, target)
    about = machine.describe()
    results = out / f'{arguments.what}.json'

    def save(tables):
        report.write_json(results, about, {'rounds': arguments.rounds, 'seconds': arguments.seconds},
                          tables, absent)

    processors = pick_processors()
    server = Server(out, processors)
    try:
        runner = Runner(out, target / 'release' / 'libwsc.so', server, processors, arguments.seconds)
        if arguments.what == 'suite':
            tables = []
            for table in measure_suite(runner, there, arguments):
                tables.append(table)
                save(tables)
        else:
            curves = measure_curves(runner, there, arguments)
            tables = [table for points in curves.values() for table in points.values()]
            save(tables)
    finally:
        server.stop()
    for name, reason in absent.items():
        print(f'{name} was not measured: {reason}')

    print(f'all figures: {results}')
    if arguments.document and arguments.what == 'suite':
        report.write_suite(arguments.document, tables, absent, about, arguments.rounds)
    elif arguments.document:
        report.write_curves(arguments.document, curves, about, arguments.rounds)
    return 1 if any(table.failures for table in tables) else 0


if __name__ == '__main__':
    sys.exit(main())
