"""Exceptions at any point of a poll, as those of signal handlers may come."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from wsc._session import Poller


class Interrupted(Exception):
    """What the signal handler raises."""


class Interruption:
    """Raises before the line of a poll that comes after so many, in what it calls as well."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self.happened = False

    def __enter__(self) -> Interruption:
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        # A destructor that happens to run is not of the package, and would swallow it.
        ours = frame.f_globals.get("__package__") == "wsc"
        return self._line if ours and _is_of_poll(frame) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines -= 1
            if self.lines < 0 and not self.happened:
                self.happened = True
                raise Interrupted
        return self._line


def _is_of_poll(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is Poller.poll.__code__:
            return True
        frame = frame.f_back
    return False
