"""Who is measured. Each client is a program that the README of this directory
describes; `build` is a target of the Makefile here, `needs` says what must be there."""

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
    # What else must be there; what `make install` of the Makefile here downloads.
    needs: tuple = ()
    install: str = ''
    # What it can do beside echo, flood and send over one plain connection.
    does: frozenset = frozenset({'tls'})
    only: frozenset = frozenset()  # if not empty: the workloads it is measured with
    not_in: frozenset = frozenset()  # workloads that it does not get through
    most: int = 10_000  # connections
    warmup: float = 0.1  # as a share of what is measured
    env: dict = field(default_factory=dict)
    ours: bool = False
    floor: bool = False

    def can(self, workload):
        if workload.connections > self.most or workload.name in self.not_in:
            return False
        if self.only and workload.name not in self.only:
            return False
        wanted = {'tls': workload.tls, 'deflate': workload.deflate, 'many': workload.connections > 1}
        return all(ability in self.does for ability, is_wanted in wanted.items() if is_wanted)

    def missing(self):
        """Why it cannot be measured here, or None."""
        for need in self.needs:
            if subprocess.run(['sh', '-c', need.check], capture_output=True).returncode:
                return need.what
        return None


def does(*abilities):
    return frozenset(abilities)


BIN = '{out}/bin/'
PYTHON = '{out}/python/bin/python'
JIT = ['-d', 'opcache.enable_cli=1', '-d', 'opcache.jit=tracing', '-d', 'opcache.jit_buffer_size=64M']

# The workloads in which PHP computes, rather than waits.
JIT_MATTERS = frozenset({'rtt-64', 'flood-64', 'flood-1k', 'send-64', 'send-1k'})
COPIES = frozenset({'flood-64', 'flood-1k', 'flood-64k', 'send-64', 'send-1k', 'echo-1m'})

ALL = does('tls', 'many', 'deflate')
TLS_MANY = does('tls', 'many')
BOOST = header('boost/beast.hpp', 'libboost-dev', 'c++')
OPENSSL = header('openssl/ssl.h', 'libssl-dev')
PHP = Need('PHP with FFI is not installed', "php -r 'exit(extension_loaded(\"FFI\") ? 0 : 1);'")
GO = command('go', 'golang-go')
WORKERMAN = environment('WORKERMAN_DIR', 'a Workerman')


def php(name, program, *, jit=False, needs=(PHP,), **more):
    options = JIT if jit else []
    return Client(name + ('-jit' if jit else ''), 'PHP', ['php', *options, '{here}/php/' + program],
                  needs=needs, does=TLS_MANY, only=JIT_MATTERS if jit else frozenset(), **more)


def workerman(name, **more):
    return php(name, 'workerman.php', needs=(PHP, WORKERMAN), **more)


def python(name, library, interface, needs=(), **more):
    needs = (Need('python3-venv is not installed', 'python3 -m ensurepip --version'), *needs)
    return Client(name, 'Python', [PYTHON, '{here}/python/client.py', library, interface], needs=needs,
                  does=ALL if interface == 'asyncio' else does('tls', 'deflate'), **more)


OUR_PYTHON = {
    'needs': (Need('bindings/python is not there', f'test -d {ROOT}/bindings/python'),),
    'install': 'libwsc-python',
    'env': {'WSC_LIBRARY': '{library}'},
    'ours': True,
}
LIBWSC_CLASS = {'BENCH_CLASS': 'libwsc', 'WSC_LIBRARY': '{library}'}

CLIENTS = [
    Client('floor', 'Rust', [BIN + 'floor'], 'rust', does=TLS_MANY, floor=True),
    Client('memcpy', 'Rust', [BIN + 'floor', 'memcpy'], 'rust', does=does(), only=COPIES, floor=True),

    Client('libwsc-thread', 'C', [BIN + 'libwsc', 'thread'], 'libwsc', does=ALL, ours=True),
    Client('libwsc-dispatch', 'C', [BIN + 'libwsc', 'dispatch'], 'libwsc', does=ALL, ours=True),
    Client('libwsc-poll', 'C', [BIN + 'libwsc', 'poll'], 'libwsc', does=ALL, ours=True),
    Client('libwsc-cpp', 'C++', [BIN + 'libwsc-cpp'], 'libwsc-cpp', does=ALL, ours=True),
    Client('libwsc-go', 'Go', [BIN + 'libwsc-go'], 'libwsc-go', needs=(GO,), does=ALL, ours=True),
    php('libwsc-php', 'libwsc.php', env=LIBWSC_CLASS, ours=True),
    php('libwsc-php', 'libwsc.php', env=LIBWSC_CLASS, ours=True, jit=True),
    workerman('libwsc-workerman', env=LIBWSC_CLASS, ours=True),
    workerman('libwsc-workerman', env=LIBWSC_CLASS, ours=True, jit=True),
    python('libwsc-python', 'wsc', 'asyncio', **OUR_PYTHON),
    python('libwsc-python-blocking', 'wsc', 'blocking', **OUR_PYTHON),

    Client('tungstenite', 'Rust', [BIN + 'tungstenite'], 'rust'),
    Client('tokio-tungstenite', 'Rust', [BIN + 'tokio_tungstenite'], 'rust', does=TLS_MANY),
    Client('fastwebsockets', 'Rust', [BIN + 'fastwebsockets'], 'rust', does=TLS_MANY),
    # Debian's version stops sending when it compresses a stream of messages, and hands messages
    # that arrive in great numbers out without saying that they end.
    Client('libwebsockets', 'C', [BIN + 'libwebsockets'], 'libwebsockets', does=ALL,
           not_in=frozenset({'deflate-send', *(f'depth-{depth}' for depth in (4, 16, 64, 256, 1024))}),
           needs=(header('libwebsockets.h', 'libwebsockets-dev'),)),
    Client('wslay', 'C', [BIN + 'wslay'], 'wslay', does=does(),
           needs=(header('wslay/wslay.h', 'libwslay-dev'),)),
    Client('libcurl', 'C', [BIN + 'libcurl'], 'libcurl',
           needs=(environment('CURL_DIR', 'an installed libcurl with WebSockets'),)),
    Client('beast-sync', 'C++', [BIN + 'beast-sync'], 'beast-sync', needs=(BOOST, OPENSSL),
           does=does('tls', 'deflate')),
    Client('beast-async', 'C++', [BIN + 'beast-async'], 'beast-async', needs=(BOOST, OPENSSL), does=ALL),
    Client('websocketpp', 'C++', [BIN + 'websocketpp'], 'websocketpp', does=ALL,
           needs=(header('websocketpp/version.hpp', 'libwebsocketpp-dev', 'c++'), BOOST, OPENSSL)),
    # Each connection has a thread, and descriptors to wake it.
    Client('ixwebsocket', 'C++', [BIN + 'ixwebsocket'], 'ixwebsocket', does=ALL, most=1000,
           needs=(environment('IXWEBSOCKET_DIR', 'an installed IXWebSocket'),)),
    Client('gorilla', 'Go', [BIN + 'gorilla'], 'gorilla', does=ALL, needs=(GO, Need(
        'golang-github-gorilla-websocket-dev is not installed',
        'test -d /usr/share/gocode/src/github.com/gorilla/websocket'))),
    # A folder with checkouts of lxzan/gws and of klauspost/compress, which it needs.
    Client('gws', 'Go', [BIN + 'gws'], 'gws', does=ALL, needs=(
        GO, Need('gws needs Go 1.20', 'go version | grep -Eq "go1\\.[2-9][0-9]"'),
        Need('GWS_DIR does not name checkouts of gws and compress',
             'test -e "$GWS_DIR/gws/go.mod" -a -e "$GWS_DIR/compress/go.mod"'))),
    # Its loop for PHP without extensions is select, which knows no more.
    workerman('workerman', most=1000),
    workerman('workerman', most=1000, jit=True),
    python('websockets-asyncio', 'websockets', 'asyncio', install='python'),
    python('websockets-blocking', 'websockets', 'blocking', install='python'),
    Client('ws', 'JavaScript', ['node', '{here}/node/ws.js'], needs=(command('npm'),), install='node',
           warmup=1.0, env={'NODE_PATH': '{out}/node/node_modules'}, does=ALL),
]


def named(names):
    """The clients of these names; a name that ends in a dash stands for all that begin with it."""
    names = names.replace(',', ' ').split()
    unknown = [name for name in names if not any(matches(client, name) for client in CLIENTS)]
    if unknown:
        raise SystemExit('no such client: ' + ' '.join(unknown))
    return [client for client in CLIENTS if not names or any(matches(client, name) for name in names)]


def matches(client, name):
    return client.name == name or (name.endswith('-') and client.name.startswith(name))
