"""Finds and loads the shared library.

The other modules get the C API here: `lib` has its functions and constants, `ffi`
its types.
"""

from __future__ import annotations

import os
from typing import Any

try:
    from wsc._abi import ffi as _ffi
except ModuleNotFoundError as error:
    if error.name != "wsc._abi":
        raise
    raise ImportError(
        "wsc was not built: install it with pip, or run `python3 abi_build.py` in its checkout"
    ) from error

ffi: Any = _ffi

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_ABI = ffi.integer_const("WSC_ABI_VERSION")


def _choose() -> tuple[str, str]:
    """The file to load, and why that one and no other."""
    chosen = os.environ.get("WSC_LIBRARY")
    if chosen:
        return chosen, "The environment variable WSC_LIBRARY names it."
    files = [
        os.path.join(_PACKAGE, "libwsc.so"),
        # This package inside libwsc's own repository, after `cargo build --release`.
        os.path.normpath(os.path.join(_PACKAGE, "../../../../target/release/libwsc.so")),
    ]
    for file in files:
        if os.path.exists(file):
            return file, "It was the first one found."
    return f"libwsc.so.{_ABI}", (
        f"It is the last resort, as there is neither {files[0]} nor {files[1]}. Install libwsc, or "
        "set the environment variable WSC_LIBRARY to the path of libwsc.so."
    )


def _load() -> Any:
    file, origin = _choose()
    try:
        library = ffi.dlopen(file)
        _check(library, file)
    except OSError as error:
        raise ImportError(f"{file} cannot be loaded ({error}). {origin}") from error
    except (AttributeError, ffi.error) as error:
        raise ImportError(
            f"{file} is older than this package, or not libwsc ({error}). {origin}"
        ) from error
    return library


def _check(library: Any, file: str) -> None:
    """Refuses another ABI, and a library that lacks functions of this one."""
    abi = library.wsc_abi_version()
    if abi != _ABI:
        raise ImportError(
            f"{file} has ABI {abi}, this package needs ABI {_ABI}: "
            "install the libwsc that belongs to the package"
        )
    for name in dir(library):
        getattr(library, name)


lib = _load()


def text_of(pointer: Any) -> str:
    """Static text of the library."""
    text: bytes = ffi.string(pointer)
    return text.decode()


def library_version() -> str:
    """Tells the version of the loaded library, such as "0.1.0"."""
    return text_of(lib.wsc_version())
