"""The package: its copies of the library's facts, its loading, its examples, its wheel."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from enum import IntEnum
from importlib import metadata
from pathlib import Path

import pytest
from peer import TEXT, Peer, echo
from programs import PACKAGE, REPOSITORY, run, serving

import wsc
from wsc import _native

DECLARATIONS = (PACKAGE / "wsc.cdef.h").read_text()


def in_repository(path: str) -> str:
    """A file of the repository, for tests that a copy of the package cannot run."""
    if not (REPOSITORY / "include" / "wsc.h").exists():
        pytest.skip("not in the repository")
    return (REPOSITORY / path).read_text()


def test_the_declarations_are_current() -> None:
    # The header's test makes this one from the Rust sources.
    assert in_repository("bindings/php/src/Internal/wsc.cdef.h") == DECLARATIONS


def test_the_version_is_that_of_the_library() -> None:
    assert f'\nversion = "{wsc.__version__}"\n' in in_repository("Cargo.toml")
    assert wsc.library_version() == wsc.__version__


@pytest.mark.parametrize(
    ("enum", "name", "prefix"),
    [
        (wsc.Status, "wsc_status_t", "WSC_(ERR_)?"),
        (wsc.Phase, "wsc_phase_t", "WSC_PHASE_"),
        (wsc.Retry, "wsc_retry_t", "WSC_RETRY_"),
    ],
)
def test_enums_are_those_of_the_library(enum: type[IntEnum], name: str, prefix: str) -> None:
    declared = re.search(rf"typedef enum {{([^}}]*)}} {name};", DECLARATIONS)
    assert declared is not None
    pairs = re.findall(r"(WSC_\w+) = (-?\d+)", declared[1])
    members = {re.sub(f"^{prefix}", "", key): int(value) for key, value in pairs}
    assert {member.name: member.value for member in enum} == members


def test_unknown_values_of_enums_are_kept() -> None:
    status = wsc.Status(59)
    assert (status, status.name) == (59, "UNKNOWN_59")
    assert status.text


LICENCES = ("LICENSE", "LICENSE-APACHE", "LICENSE-MIT")


@pytest.mark.parametrize("name", LICENCES)
def test_a_licence_is_that_of_the_repository(name: str) -> None:
    assert (PACKAGE / name).read_text() == in_repository(name)


UNBOUND = {
    "wsc_conn_set_url": "given to connect",
    "wsc_conn_set_header": "add_header does, as each connection has its own",
    "wsc_conn_set_binary_type": "the type of the message decides",
    "wsc_conn_set_auto_pong": "the library answers pings",
    "wsc_conn_set_streaming": "messages are received whole",
    "wsc_conn_set_queue_policy": "nothing is sent before the connection is open",
}


def test_every_setting_is_an_option_or_has_a_reason_not_to_be() -> None:
    settings = set(re.findall(r"\bwsc_conn_(?:set|add)_\w+", DECLARATIONS))
    source = (PACKAGE / "src" / "wsc").glob("*.py")
    used = set(
        re.findall(
            r"\bwsc_conn_(?:set|add)_\w+",
            "".join(file.read_text() for file in source if file.name != "_abi.py"),
        )
    )
    assert used == settings - UNBOUND.keys()
    assert settings >= UNBOUND.keys()


def test_a_library_that_is_not_there() -> None:
    result = run("-c", "import wsc", check=False, WSC_LIBRARY="/does/not/exist.so")
    assert result.returncode == 1
    assert "ImportError: /does/not/exist.so cannot be loaded" in result.stderr
    assert "The environment variable WSC_LIBRARY names it." in result.stderr


def test_a_library_that_is_another() -> None:
    result = run("-c", "import wsc", check=False, WSC_LIBRARY="libc.so.6")
    assert "ImportError: libc.so.6 is older than this package, or not libwsc" in result.stderr


def test_where_the_library_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "repository" / "bindings" / "python" / "src" / "wsc"
    package.mkdir(parents=True)
    built = tmp_path / "repository" / "target" / "release" / "libwsc.so"
    own = package / "libwsc.so"
    monkeypatch.delenv("WSC_LIBRARY", raising=False)
    monkeypatch.setattr(_native, "_PACKAGE", str(package))

    file, origin = _native._choose()
    assert re.fullmatch(r"libwsc\.so\.\d+", file)
    assert str(own) in origin
    assert str(built) in origin
    built.parent.mkdir(parents=True)
    built.touch()
    assert _native._choose()[0] == str(built)
    own.touch()
    assert _native._choose()[0] == str(own)
    monkeypatch.setenv("WSC_LIBRARY", "/another")
    assert _native._choose()[0] == "/another"


def test_a_checkout_that_was_not_built(tmp_path: Path) -> None:
    package = tmp_path / "wsc"
    package.mkdir()
    for file in (PACKAGE / "src" / "wsc").glob("*.py"):
        if file.name != "_abi.py":
            (package / file.name).write_text(file.read_text())
    result = run("-c", "import wsc", path=tmp_path, check=False)
    assert "ImportError: wsc was not built" in result.stderr


class Feed:
    """A feed that is lost once, and ended after the second connection's messages."""

    def __init__(self) -> None:
        self.connections = 0

    async def __call__(self, peer: Peer) -> None:
        self.connections += 1
        await peer.accept()
        assert peer.header("Authorization") == "Bearer token"
        assert await peer.read() == (TEXT, b"subscribe")
        peer.frame(TEXT, f"news {self.connections}")
        if self.connections == 1:
            await peer.writer.drain()
            return
        peer.frame(TEXT, "more news")
        await peer.until_end()


def example_first(path: Path) -> None:
    with serving(echo) as url:
        result = run(
            PACKAGE / "examples" / "first.py", url, path=path, WSC_LIBRARY=_native._choose()[0]
        )
    assert result.stdout == "recv: 'hello'\n"


def example_blocking(path: Path) -> None:
    with serving(echo) as url:
        assert run(PACKAGE / "examples" / "blocking.py", url, path=path).stdout == "recv: 'hello'\n"


def example_subscriber(path: Path) -> None:
    with serving(Feed()) as url:
        lines = run(PACKAGE / "examples" / "subscriber.py", url, path=path).stdout.splitlines()
    assert lines[:2] == ["connected: attempt 1", "recv: 'news 1'"]
    assert lines[2].startswith("lost: ")
    assert lines[3:] == ["connected: attempt 2", "recv: 'news 2'", "recv: 'more news'"]


EXAMPLES = {
    "first.py": example_first,
    "blocking.py": example_blocking,
    "subscriber.py": example_subscriber,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    EXAMPLES[name](PACKAGE / "src")


def test_every_example_is_run() -> None:
    assert {file.name for file in (PACKAGE / "examples").glob("*.py")} == EXAMPLES.keys()


def test_the_wheel_works_by_itself(tmp_path: Path) -> None:
    for module, least in (("pip", 0), ("wheel", 0), ("setuptools", 61)):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is missing")
        if int(metadata.version(module).split(".")[0]) < least:
            pytest.skip(f"{module} is too old")
    source = tmp_path / "source"
    generated = shutil.ignore_patterns("_abi.py", "build", "*.egg-info", "__pycache__", ".*")
    shutil.copytree(PACKAGE, source, ignore=generated)
    subprocess.run(
        f"{sys.executable} -m pip wheel --quiet --no-deps --no-build-isolation --no-index {source}",
        cwd=tmp_path,
        shell=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"wsc-{wsc.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("wsc/")}
        about = {name.rpartition("/")[2] for name in set(archive.namelist()) - names}
        archive.extractall(tmp_path / "installed")
    package = {f"wsc/{file.name}" for file in (PACKAGE / "src" / "wsc").glob("*.*")}
    assert names == package
    assert {"wsc/_abi.py", "wsc/py.typed"} <= names
    assert about >= set(LICENCES)
    example_first(tmp_path / "installed")


def check_with(*tool: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *tool], cwd=PACKAGE, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


# Debian 12 has no ruff, and a mypy that is too old, so nobody has to have them.

if importlib.util.find_spec("ruff"):

    def test_ruff() -> None:
        check_with("ruff", "check")
        check_with("ruff", "format", "--check")


if importlib.util.find_spec("mypy") and not metadata.version("mypy").startswith("1.0."):

    def test_mypy() -> None:
        check_with("mypy")
