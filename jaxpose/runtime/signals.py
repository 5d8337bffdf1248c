"""SIGTERM and Ctrl-C: how commands end within a second, and what is finished before a training ends."""

import atexit
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

CLEANUP_SECONDS = 0.7
"""How long a command may remove its unfinished files after Ctrl-C."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells: 128 and the number of the signal."""


def is_command(words: Sequence[str]) -> bool:
    """True if `sys.orig_argv` is that of one of our commands: `python -m jaxpose.X`, `-m data_prep.X` or `jaxpose`."""
    options = list(words[1:])
    while options and options[0].startswith("-") and options[0] not in ("-m", "-c"):
        takes_value = options[0] in ("-W", "-X")
        del options[: 1 + takes_value]
    if options[:1] == ["-m"]:
        return options[1:2] != [] and options[1].partition(".")[0] in ("jaxpose", "data_prep")
    return options != [] and Path(options[0]).name == "jaxpose"


def end_soon_after_interrupts() -> None:
    """Let Ctrl-C end this process within a second and without a traceback, whatever it is doing.

    Call it first in the main thread of a command, never in a library: it replaces the handler of SIGINT. The first
    Ctrl-C raises `KeyboardInterrupt`, so that unfinished files are removed; stderr is closed before, because libraries
    print a traceback of it, or of what it makes of them. During imports, where nothing is unfinished, it ends the
    process at once. If compiled code keeps Python from raising it, or a library drops it, a thread ends the process
    after `CLEANUP_SECONDS`. While another handler is installed, as by `deferred_signals`, nothing of this happens.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(signal.SIGINT, _interrupt)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # written to even while the main thread runs compiled code
    threading.Thread(target=_watch, args=(read,), daemon=True).start()


def _interrupt(_: int, frame: FrameType | None) -> NoReturn:
    """Raise `KeyboardInterrupt`, once; end the process if the main thread is importing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _end()
        frame = frame.f_back
    _say_interrupted()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    atexit.register(os._exit, INTERRUPTED)  # also if a library has raised another error in its place
    raise KeyboardInterrupt


def _watch(pipe: int) -> None:
    """End the process some time after SIGINT, unless the handler of another had it."""
    while numbers := os.read(pipe, 64):
        if signal.SIGINT in numbers and signal.getsignal(signal.SIGINT) in (_interrupt, signal.SIG_IGN):
            time.sleep(CLEANUP_SECONDS)
            _end()


def _end(number: int = signal.SIGINT) -> NoReturn:
    """End the process now, with the exit code that shells give after a signal."""
    _say_interrupted()
    os._exit(128 + number)


def _say_interrupted() -> None:
    """Print a line, and show the cursor, which a progress line has hidden."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")
        _say("interrupted")


def _say(line: str) -> None:
    """Print a line on stderr at once, from any thread, below a progress line if there is one."""
    with contextlib.suppress(OSError):
        os.write(2, f"\n{line}\n".encode() if os.isatty(2) else f"{line}\n".encode())


@contextlib.contextmanager
def deferred_signals(note: str = "") -> Iterator[Callable[[], int]]:
    """Record SIGTERM and SIGINT instead of ending the process; a second one ends it.

    Python lets only the main thread handle signals: in other threads nothing changes. The main thread does so when it
    is back from compiled code; with a note, another thread prints it at once, and ends the process at the second
    signal.

    Args:
      note: a line to print on stderr when the first signal comes: what is finished before the process ends.

    Yields:
      A function that returns the number of the signal received, or 0.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    received = 0

    def record(number: int, _: FrameType | None) -> None:
        nonlocal received
        if received:
            _end(number)
        received = number

    before = {number: signal.signal(number, record) for number in _DEFERRED}
    try:
        with _announced(note) if note else contextlib.nullcontext():
            yield lambda: received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_DEFERRED = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def _announced(note: str) -> Iterator[None]:
    """Let a thread say what the first signal begins, and end the process at the second."""
    read, write = os.pipe()
    os.set_blocking(write, False)

    def watch() -> None:
        came: list[int] = []
        while numbers := os.read(read, 64):
            for number in (number for number in numbers if number in _DEFERRED):
                if came:
                    _end(number)
                came.append(number)
                _say(note)
        os.close(read)

    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        os.close(write)  # ends the thread
        thread.join()


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM until the end of the block; processes started in it never get a SIGINT.

    Such processes inherit this thread's mask. The mask does not hold back Python's handler, which the main thread also
    runs for a signal that another thread has got; therefore signals are deferred too.
    """
    with deferred_signals() as signalled:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if number := signalled():
        signal.raise_signal(number)
