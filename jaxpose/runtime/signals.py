"""SIGTERM and Ctrl-C while something is in progress that should be finished first."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def deferred_signals() -> Iterator[Callable[[], int]]:
    """Record SIGTERM and SIGINT instead of ending the process; a second one ends it as usual.

    Python lets only the main thread handle signals: in other threads nothing changes.

    Yields:
      A function that returns the number of the signal received, or 0.
    """
    received = 0

    def record(number: int, _: FrameType | None) -> None:
        nonlocal received
        if received:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        received = number

    numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, record) for number in numbers}
    try:
        yield lambda: received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
