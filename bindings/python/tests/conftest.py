"""Makes the package importable from the checkout, and runs tests that are coroutines."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import abi_build

# Before a test module imports the package.
abi_build.write()

PATIENCE = 60
"""Seconds that a test may take."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def limited() -> None:
        await asyncio.wait_for(pyfuncitem.obj(**arguments), PATIENCE)

    asyncio.run(limited())
    return True
