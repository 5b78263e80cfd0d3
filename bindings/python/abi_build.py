"""Turns the library's declarations, wsc.cdef.h, into the module wsc._abi.

Building the package runs it. In a checkout, `python3 abi_build.py` does.
"""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent

ffi = FFI()
ffi.cdef((HERE / "wsc.cdef.h").read_text(encoding="utf-8"))
# No C source: the module describes a library that is loaded at run time.
ffi.set_source("wsc._abi", None)


def write() -> None:
    """Writes the module beside the others of the package."""
    ffi.emit_python_code(str(HERE / "src" / "wsc" / "_abi.py"))


if __name__ == "__main__":
    write()
