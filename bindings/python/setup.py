"""What pyproject.toml cannot say.

A module of the package is generated. The licence stands here because no way to write it
there suits both old and new setuptools.
"""

from setuptools import setup

setup(cffi_modules=["abi_build.py:ffi"], license="MIT OR Apache-2.0")
