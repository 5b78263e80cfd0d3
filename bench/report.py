"""What was measured, as text, as JSON, and as the tables of docs/performance.md."""

import json
import statistics
from dataclasses import dataclass

import chart
from clients import CLIENTS
from workloads import CURVES, SUITE

BY_NAME = {client.name: client for client in CLIENTS}

# The parts of the report: a title, the workloads, and those of them that have a chart.
GROUPS = [
    ('Round trips', [work for work in SUITE if work.kind == 'echo' and not work.tls],
     ('rtt-64', 'rtt-64-apart', 'echo-1m')),
    ('Receiving', [work for work in SUITE if work.kind == 'flood' and not work.tls and not work.deflate],
     ('flood-64', 'flood-1k')),
    ('Sending', [work for work in SUITE if work.kind == 'send' and not work.deflate], ('send-64',)),
    ('Many connections', [work for work in SUITE if work.kind == 'fan'], ()),
    ('TLS', [work for work in SUITE if work.tls], ('tls-echo-1m',)),
    ('Compression', [work for work in SUITE if work.deflate], ('deflate-flood',)),
]

# The first of ours in each language, beside its peers there.
LANGUAGES = [
    ('C', 'libwsc-thread', ('C', 'C++', 'Rust')),
    ('C++', 'libwsc-cpp', ('C', 'C++', 'Rust')),
    ('Go', 'libwsc-go', ('Go',)),
    ('PHP', 'libwsc-php', ('PHP',)),
    ('PHP in Workerman', 'libwsc-workerman', ('PHP',)),
    ('Python', 'libwsc-python', ('Python',)),
]


@dataclass
class Row:
    client: object
    value: float  # of the workload's metric, for one message, in ns
    spread: float  # half of the distance between the quartiles, as a share of the value
    fields: dict  # medians


class Table:
    """The clients in one workload, the best first."""

    def __init__(self, workload, results, failures=()):
        self.workload = workload
        self.results = results
        self.failures = dict(failures)
        rows = [self.row(BY_NAME[name], runs) for name, runs in results.items()]
        self.rows = sorted(rows, key=lambda row: row.value)

    def row(self, client, runs):
        field, _ = self.workload.metric
        per_message = [dict(run, wall_ns=run['wall_ns'] / run['operations'],
                            cpu_ns=run['cpu_ns'] / run['operations']) for run in runs]
        fields = {name: statistics.median(run[name] for run in per_message) for name in runs[0]}
        values = [run[field] for run in per_message]
        spread = 0.0
        if len(values) > 1:
            quartiles = statistics.quantiles(values, n=4)
            spread = (quartiles[2] - quartiles[0]) / 2 / fields[field]
        return Row(client, fields[field], spread, fields)

    def find(self, name):
        return next((row for row in self.rows if row.client.name == name), None)

    def floor(self):
        return self.find('floor')

    def best_peer(self, languages=None):
        return next((row for row in self.rows if not row.client.ours and not row.client.floor
                     and (languages is None or row.client.language in languages)), None)

    def as_text(self):
        metric = self.workload.metric[1]
        lines = ['', f'{self.workload.name}: {self.workload.title}; {metric}',
                 f'  {"":24}{"us":>11}{"+-":>6}{"floor":>8}{"peer":>8}{"wall us":>11}{"CPU us":>11}']
        for row in self.rows:
            lines.append(f'{"*" if row.client.ours else " ":>2}{row.client.name:24}'
                         f'{row.value / 1000:11.3f}{row.spread:6.0%}'
                         f'{ratio(row, self.floor()):>8}{ratio(row, self.best_peer()):>8}'
                         f'{row.fields["wall_ns"] / 1000:11.3f}{row.fields["cpu_ns"] / 1000:11.3f}')
        lines += [f'  {client:24} failed: {why}' for client, why in self.failures.items()]
        busy = statistics.median([row.fields['foreign_cpu'] for row in self.rows] or [0])
        lines.append(f'  other processes kept {busy:.2f} processors busy meanwhile')
        return '\n'.join(lines)

    def as_json(self):
        return {'title': self.workload.title, 'metric': self.workload.metric[1],
                'results': self.results, 'failures': self.failures}


def ratio(row, other):
    return f'{row.value / other.value:.2f}' if row and other else '-'


def number(ns):
    """In microseconds, with three digits that count."""
    us = ns / 1000
    return f'{us:,.0f}' if us >= 100 else f'{us:.1f}' if us >= 10 else f'{us:.2f}' if us >= 1 else f'{us:.3f}'


def write_json(path, machine, options, tables, absent):
    document = {
        'machine': machine,
        'options': options,
        'absent': absent,
        'workloads': {table.workload.name: table.as_json() for table in tables},
    }
    path.write_text(json.dumps(document, indent=1) + '\n')


def write_suite(document, tables, absent, machine, rounds):
    """Puts the tables and charts of a whole run into the document."""
    by_name = {table.workload.name: table for table in tables}
    parts = [machine_text(machine, rounds, tables), summary(tables)]
    for title, workloads, charts in GROUPS:
        parts.append(f'### {title}')
        group = [by_name[work.name] for work in workloads if work.name in by_name]
        parts += [table_of(group), command_of([table.workload.name for table in group])]
        if title == 'Many connections':
            parts += ['What 10,000 open connections cost:', connections_table(by_name['fan-10000'])]
        parts += [chart_of(document, by_name[name]) for name in charts]
    if absent:
        parts.append('Not measured: ' + '; '.join(f'{name} ({why})' for name, why in absent.items()) + '.')
    replace_between(document, 'results', parts)


def write_curves(document, curves, machine, rounds):
    parts = [machine_text(machine, rounds, [table for points in curves.values() for table in points.values()])]
    for name, points in curves.items():
        title, axis, _ = CURVES[name]
        metric = next(iter(points.values())).workload.metric[1]
        lines = {}
        for at, table in points.items():
            for row in table.rows:
                lines.setdefault(row.client.name, []).append((at, row.value / 1000))
        file = document.parent / 'performance' / f'curve-{name}.svg'
        file.write_text(chart.lines(title, axis, f'{metric}, µs',
                                    [(BY_NAME[client], points) for client, points in lines.items()]))
        parts += [f'### {title}', f'![{title}](performance/{file.name})', curve_table(axis, points),
                  f'```sh\nmake bench-curves CURVES={name}\n```']
    replace_between(document, 'curves', parts)


def machine_text(machine, rounds, tables):
    foreign = statistics.median(row.fields['foreign_cpu'] for table in tables for row in table.rows)
    facts = [f'{name} {value}' for name, value in machine.items()]
    medians = 'One round' if rounds == 1 else f'Medians of {rounds} rounds'
    return (f'Measured on: {"; ".join(facts)}. {medians}; other processes kept '
            f'{foreign:.2f} processors busy meanwhile.')


def summary(tables):
    """Ours in each language against its floor and the best of its peers."""
    ours = [(title, name, languages) for title, name, languages in LANGUAGES
            if any(table.find(name) for table in tables)]
    lines = ['### Summary', '',
             'libwsc from each language: µs for a message (times the floor, times the best peer of that language; '
             'C and C++ count the peers of C, C++ and Rust).', '',
             '| | ' + ' | '.join(title for title, _, _ in ours) + ' |',
             '|---|' + '---:|' * len(ours)]
    for table in tables:
        cells = []
        for _, name, languages in ours:
            row = table.find(name)
            cells.append(f'{number(row.value)} ({ratio(row, table.floor())}, {ratio(row, table.best_peer(languages))})'
                         if row else '–')
        lines.append(f'| {table.workload.title} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def table_of(tables):
    """Clients against workloads: µs, and in brackets times the floor."""
    names = [row.client.name for table in tables for row in table.rows]
    clients = sorted(dict.fromkeys(names), key=[client.name for client in CLIENTS].index)
    lines = ['| µs (times the floor) | ' + ' | '.join(f'`{table.workload.name}`' for table in tables) + ' |',
             '|---|' + '---:|' * len(tables)]
    for name in clients:
        cells = []
        for table in tables:
            row = table.find(name)
            text = f'{number(row.value)} ({ratio(row, table.floor())})' if row else '–'
            cells.append(f'**{text}**' if row and row is table.best_peer() else text)
        lines.append(f'| {label(BY_NAME[name])} | ' + ' | '.join(cells) + ' |')
    metrics = dict.fromkeys(f'`{table.workload.name}`: {table.workload.title}, {table.workload.metric[1]}'
                            for table in tables)
    return '\n'.join(['; '.join(metrics) + '. The best peer is bold.', '', *lines])


def connections_table(table):
    count = table.workload.connections
    lines = ['| | KiB each | threads | µs to open each | CPU µs to open each |', '|---|---:|---:|---:|---:|']
    for row in sorted(table.rows, key=lambda row: row.fields['open_rss_kib']):
        fields = row.fields
        lines.append(f'| {label(row.client)} | {fields["open_rss_kib"] / count:.2f} | {fields["threads"]:.0f} '
                     f'| {fields["open_wall_ns"] / count / 1000:.0f} | {fields["open_cpu_ns"] / count / 1000:.0f} |')
    return '\n'.join(lines)


def curve_table(axis, points):
    names = [row.client.name for table in points.values() for row in table.rows]
    clients = sorted(dict.fromkeys(names), key=[client.name for client in CLIENTS].index)
    metric = next(iter(points.values())).workload.metric[1]
    lines = [f'{metric.capitalize()}, µs, against {axis}:', '', '| | ' + ' | '.join(f'{at:,}' for at in points) + ' |', '|---|' + '---:|' * len(points)]
    for name in clients:
        rows = [table.find(name) for table in points.values()]
        lines.append(f'| {label(BY_NAME[name])} | '
                     + ' | '.join(number(row.value) if row else '–' for row in rows) + ' |')
    return '\n'.join(lines)


def chart_of(document, table):
    file = document.parent / 'performance' / f'{table.workload.name}.svg'
    file.parent.mkdir(exist_ok=True)
    bars = [(row.client, row.value / 1000, row.spread) for row in table.rows]
    file.write_text(chart.bars(table.workload.title, f'{table.workload.metric[1]}, µs', bars))
    return f'![{table.workload.title}](performance/{file.name})'


def label(client):
    return f'{client.name} ({client.language})'


def command_of(names):
    return f'```sh\nmake bench WORKLOADS={",".join(names)}\n```'


def replace_between(document, mark, parts):
    text = document.read_text()
    begin, end = f'<!-- {mark} -->\n', f'<!-- end of {mark} -->'
    before, rest = text.split(begin)
    _, after = rest.split(end)
    document.write_text(before + begin + '\n'.join(['', *(part + '\n' for part in parts)]) + end + after)
