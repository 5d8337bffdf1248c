"""SIGTERM and Ctrl-C while something is in progress that should be finished first."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def deferred_signals() -> Iterator[Callable[[], int]]:
    """Note SIGTERM and SIGINT instead of ending at once; a second one ends the process as it would have anyway.

    Python lets only the main thread handle signals: elsewhere nothing changes.

    Yields:
      What gives the number of the signal that came, 0 if none did.
    """
    came = 0

    def note(number: int, _: FrameType | None) -> None:
        nonlocal came
        if came:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        came = number

    numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
