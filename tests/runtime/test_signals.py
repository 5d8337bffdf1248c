"""A signal is noted, and what was there before comes back."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from jaxpose.runtime.signals import deferred_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_does_not_end_the_process(number):
    before = signal.getsignal(number)
    with deferred_signals() as signalled:
        assert signalled() == 0
        os.kill(os.getpid(), number)
        assert signalled() == number
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_the_process():
    code = (
        "import os, signal; from jaxpose.runtime.signals import deferred_signals\n"
        "with deferred_signals():\n os.kill(os.getpid(), 15)\n print('on', flush=True)\n"
        " os.kill(os.getpid(), 15)\n print('never')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "on\n")


def test_in_another_thread_nothing_changes():
    found = []

    def work():
        with deferred_signals() as signalled:
            found.append((signal.getsignal(signal.SIGTERM), signalled()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(signal.getsignal(signal.SIGTERM), 0)]
