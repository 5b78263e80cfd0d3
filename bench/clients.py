"""Who is measured. Each client is a program that the README of this directory
describes; `build` is a target of the Makefile here, `needs` says what must be there."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Need:
    """Something of the machine; `check` is a shell command that succeeds if it is there."""
    what: str
    check: str


def header(name, package, language='c'):
    return Need(f'{package} is not installed',
                f'echo "#include <{name}>" | cc -x {language} -fsyntax-only -')


def environment(name, what):
    return Need(f'{name} does not name {what}', f'test -e "${name}"')


def command(name, package=None):
    return Need(f'{package or name} is not installed', f'command -v {name}')


@dataclass(frozen=True)
class Client:
    name: str
    language: str
    command: list
    build: str = ''
    needs: tuple = ()
    # What it can do beside echo, flood and send over one plain connection.
    does: frozenset = frozenset({'tls'})
    only: frozenset = frozenset()  # if not empty: the workloads it is measured with
    env: dict = field(default_factory=dict)
    ours: bool = False
    floor: bool = False

    def can(self, workload):
        wants = {
            'tls': workload.tls,
            'deflate': workload.deflate,
            'many': workload.connections > 1,
            'depth': False,
        }
        if self.only and workload.name not in self.only:
            return False
        return all(ability in self.does for ability, wanted in wants.items() if wanted)

    def missing(self):
        """Why it cannot be measured here, or None."""
        for need in self.needs:
            if subprocess.run(['sh', '-c', need.check], capture_output=True).returncode:
                return need.what
        return None


def does(*abilities):
    return frozenset(abilities)


def php(*options):
    # Without the machine's php.ini a run does not depend on what is switched on there.
    return ['php', '-n', '-d', 'extension=ffi', *options]


ALL = does('tls', 'many', 'deflate')
BIN = '{out}/bin/'
GORILLA = '/usr/share/gocode/src/github.com/gorilla/websocket'

CLIENTS = [
    Client('floor', 'Rust', [BIN + 'floor'], 'rust', does=does('tls', 'many'), floor=True),
    Client('memcpy', 'Rust', [BIN + 'floor', 'memcpy'], 'rust', does=does(), floor=True,
           only=frozenset({'flood-64', 'flood-1k', 'flood-64k', 'send-64', 'send-1k', 'echo-1m'})),

    Client('libwsc-thread', 'C', [BIN + 'libwsc', 'thread'], 'libwsc', does=ALL, ours=True),
    Client('libwsc-dispatch', 'C', [BIN + 'libwsc', 'dispatch'], 'libwsc', does=ALL, ours=True),
    Client('libwsc-poll', 'C', [BIN + 'libwsc', 'poll'], 'libwsc', does=ALL, ours=True),

    Client('tungstenite', 'Rust', [BIN + 'tungstenite'], 'rust'),
    Client('tokio-tungstenite', 'Rust', [BIN + 'tokio_tungstenite'], 'rust', does=does('tls', 'many')),
    Client('fastwebsockets', 'Rust', [BIN + 'fastwebsockets'], 'rust', does=does('tls', 'many')),
]


def named(pattern):
    """The clients that a list of names, or beginnings of names, asks for."""
    names = [name for name in pattern.replace(',', ' ').split() if name]
    return [client for client in CLIENTS
            if not names or any(client.name.startswith(name) for name in names)]
