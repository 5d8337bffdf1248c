"""A signal is noted, and what was there before comes back."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from helpers.places import ROOT

from jaxpose.runtime.signals import deferred_signals, interrupts_blocked, is_command


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
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "on\n", "interrupted\n")


BUSY = """
import hashlib, os, signal, threading
from jaxpose.runtime.signals import deferred_signals
with deferred_signals("finishing") as signalled:
    {before}
    print("busy", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", {rounds})
    print("done", signalled(), flush=True)
"""
"""A program whose main thread runs compiled code, in which Python handles no signal."""


def busy(rounds, before="pass"):
    program = [sys.executable, "-c", BUSY.format(rounds=rounds, before=before)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_the_note_is_printed_while_compiled_code_runs_and_a_second_signal_ends_it():
    with busy(2_000_000_000) as process:  # twenty minutes
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "finishing\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")


def test_after_one_signal_the_work_is_finished():
    with busy(1_000_000, before="os.kill(os.getpid(), signal.SIGTERM)") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "busy\ndone 15\n", "finishing\n")


def test_nothing_is_left_of_the_thread_that_prints_the_note():
    threads, descriptor = threading.active_count(), signal.set_wakeup_fd(-1)
    with deferred_signals("note"):
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
    assert signal.set_wakeup_fd(descriptor) == -1


def test_in_another_thread_nothing_changes():
    found = []

    def work():
        with deferred_signals() as signalled:
            found.append((signal.getsignal(signal.SIGTERM), signalled()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(signal.getsignal(signal.SIGTERM), 0)]


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("python -m jaxpose.train --steps 3", True),
        ("python -m jaxpose", True),
        ("python -W error -u -m data_prep.cmu", True),
        ("/venv/bin/python /venv/bin/jaxpose train", True),
        ("python -m pytest -m jaxpose", False),
        ("python -m jaxposes", False),
        ("python -c print()", False),
        ("python train.py jaxpose", False),
        ("python -m", False),
        ("python", False),
    ],
)
def test_only_our_commands_end_soon(words, ours):
    assert is_command(words.split()) is ours


def test_a_program_that_imports_the_library_keeps_its_handler():
    program = "import signal, jaxpose, data_prep; assert signal.getsignal(2) is signal.default_int_handler"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_an_interrupt_waits_for_the_end_of_a_block_and_reaches_no_process_started_in_it():
    begun = False
    with pytest.raises(KeyboardInterrupt), interrupts_blocked():  # noqa: PT012 - the interrupt comes after the block
        signal.raise_signal(signal.SIGINT)
        child = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"]
        assert subprocess.run(child, check=True, capture_output=True, text=True).stdout == "alive\n"
        begun = True
    assert begun


def test_an_interrupt_that_another_thread_gets_waits_too():
    """The system may give a signal to any thread, as it does to the one that ends a command after Ctrl-C."""
    program = """
import os, signal, threading, time
from jaxpose.runtime.signals import interrupts_blocked
threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
try:
    with interrupts_blocked():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        print("begun")
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "begun\ninterrupted\n"
