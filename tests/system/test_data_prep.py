"""Commands that prepare data, as processes: warnings are errors, several at a time, killed, and with a full disk."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from helpers import aist_files, humaneva_files, legs
from helpers.h36m_files import SUBJECTS, assert_complete, contents, save_archives, save_npz
from helpers.places import ROOT

from data_prep import h36m
from jaxpose.data import store

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Two archives as the site serves them."""
    folder = tmp_path_factory.mktemp("made")
    files = {subject: contents(folder, subject) for subject in SUBJECTS}
    return save_archives(tmp_path_factory.mktemp("archives"), files)


def command(archives, out, *options):
    return [sys.executable, "-m", "data_prep.h36m", "--archives", str(archives), "--out", str(out), *options]


def test_as_a_user_runs_it(tmp_path):
    """No warnings, no traceback, nothing on stderr."""
    save_npz(tmp_path)

    def call(*arguments):
        program = [sys.executable, "-W", "error", "-m", "data_prep.h36m"]
        return subprocess.run([*program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    keypoints = ["--keypoints", str(tmp_path / "keypoints.npz"), "--out", str(tmp_path / "out")]
    done = call("--archives", str(tmp_path / "poses.npz"), *keypoints)
    assert (done.returncode, done.stderr) == (0, "")
    assert store.read_description(tmp_path / "out").splits == ("S1", "S9", "S11")
    wrong = call("--archives", str(tmp_path / "nowhere.npz"), "--out", str(tmp_path / "other"))
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(("name", "save"), [("aist", aist_files.save), ("humaneva", humaneva_files.save)])
def test_no_command_warns_on_stderr(tmp_path, name, save, jobs):
    """Neither TFDS, of its configs, nor a worker."""
    out = tmp_path / "out"
    program = [sys.executable, "-W", "error", "-m"]
    for command in (
        [f"data_prep.{name}", str(save(tmp_path / "source")), "--out", str(out), "--jobs", jobs],
        ["data_prep.check", str(out)],
    ):
        done = subprocess.run([*program, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode < 2
        assert done.stderr == ""
    assert out.with_name("out-check.png").exists()


def test_killed_half_way_and_run_again(archives, tmp_path):
    """A run that dies after the first subject leaves nothing under the name; the next one goes on from there."""
    out, parts = tmp_path / "out", tmp_path / ".out.parts"
    with subprocess.Popen(command(archives, out, "--jobs", "1"), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while not (parts / "S1.json").exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    done = {path.name: path.stat().st_mtime_ns for path in (parts / "data").glob("*-S1.*")}
    (parts / "S9.draft").write_text("half")
    h36m.main(["--archives", str(archives), "--out", str(out), "--jobs", "1"])
    assert_complete(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*-S1.*")} == done != {}


def test_killed_in_the_second_split(tmp_path):
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from helpers import aist_files, humaneva_files, legs

        def endless(subject):
            yield legs.track(subject)
            if subject == "subject_2":
                print("half way", flush=True)
                time.sleep(60)

        legs.write(Path(sys.argv[1]), endless)
    """)
    out = tmp_path / "out"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(out)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"half way\n"
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    legs.write(out)
    assert store.read_description(out) == legs.DESCRIPTION


def test_workers_end_with_a_killed_process(archives, tmp_path):
    """They cannot be stopped by it, and would wait for work without end."""
    arguments = command(archives, tmp_path / "out", "--jobs", "2")
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for(lambda: len(session_of(process)) >= 3)  # with itself
        process.send_signal(signal.SIGKILL)
    try:
        wait_for(lambda: not session_of(process))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert not (tmp_path / "out").exists()


def session_of(process):
    """The processes that this one has started, and itself."""
    shown = subprocess.run(["ps", "-eo", "sid,stat,args"], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in shown.splitlines()]
    return [line for line in lines if line[0] == str(process.pid) and not line[1].startswith("Z")]


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_several_processes_write_the_same(archives, tmp_path):
    subprocess.run(command(archives, tmp_path / "out", "--jobs", "2"), cwd=ROOT, check=True, capture_output=True)
    assert_complete(tmp_path / "out")


def test_a_full_disk_is_one_line(archives, tmp_path):
    """A file may grow to 20 kB here: as if the disk were full half-way through the first subject."""
    program = (
        "import resource, signal, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from data_prep import h36m; h36m.main(sys.argv[1:])"
    )
    arguments = command(archives, tmp_path / "out", "--jobs", "1")[3:]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
