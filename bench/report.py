"""Tables of what was measured."""

import statistics
from dataclasses import dataclass

import clients as catalogue


@dataclass
class Row:
    client: str
    value: float  # of the workload's metric, ns
    result: dict  # the medians of all fields


@dataclass
class Table:
    workload: object
    rows: list  # the best first
    failures: dict

    @staticmethod
    def of(workload, results, failures):
        field, _ = workload.metric
        rows = []
        for client, runs in results.items():
            medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
            for name in ('wall_ns', 'cpu_ns'):
                medians[name] = statistics.median(run[name] / run['operations'] for run in runs)
            rows.append(Row(client, medians[field], medians))
        return Table(workload, sorted(rows, key=lambda row: row.value), failures)

    def as_text(self):
        lines = [f'\n{self.workload.name}: {self.workload.title} ({self.workload.metric[1]})']
        for row in self.rows:
            lines.append(f'  {row.client:24} {row.value / 1000:10.3f} us  wall {row.result["wall_ns"]/1000:10.3f} cpu {row.result["cpu_ns"]/1000:10.3f} foreign {row.result["foreign_cpu"]:.2f}')
        lines += [f'  {client:24} failed: {why}' for client, why in self.failures.items()]
        return '\n'.join(lines)
