"""What the commands share: the CPU, ranges of options, and the report."""

import dataclasses

import jax
import pytest
from helpers.legs import DESCRIPTION, tracks

from data_prep.writer.builder import Source
from data_prep.writer.command import Output, check_options, report, run, write
from jaxpose.data import store
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command(Output):
    """A command of the tests."""

    scale: float
    """Metres per unit of length."""


def test_the_options_of_every_command_are_documented(capsys):
    with pytest.raises(SystemExit, match="0"):
        run(Command, lambda command: None, ["--help"], name="legs", description="Prepare legs.")
    shown = capsys.readouterr().out
    assert "usage: jaxpose prepare legs" in shown
    for text in ("Prepare legs.", "Folder to write the prepared data set to", "Subjects to prepare", "Metres per unit"):
        assert text in " ".join(shown.split())


def test_a_source_is_written_and_reported(tmp_path, capsys):
    source = Source(DESCRIPTION, tracks, text="made by a test", inputs=(tmp_path / "input",))

    def prepare(command):
        assert jax.default_backend() == "cpu"
        report(command.out, write(command, source), ["left out: nothing"])

    run(Command, prepare, ["--out", str(tmp_path / "out"), "--scale", "1", "--jobs=1"], name="legs", description="")
    assert store.read_description(tmp_path / "out") == DESCRIPTION
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "left out: nothing"
    assert last == f"wrote {tmp_path / 'out'}"


@pytest.mark.parametrize("fps", [0, 0.5, 1001, float("nan"), float("inf")])
def test_frame_rates_are_from_1_to_1000(fps):
    with pytest.raises(InputError, match=r"--fps is .*; it must be from 1 to 1000"):
        check_options(fps=fps)
    check_options(fps=1)
    check_options(fps=1000)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_have_32_bits(seed):
    with pytest.raises(InputError, match=f"--seed is {seed}; it must be None, or from 0 to 4294967295"):
        check_options(seed=seed)
    check_options(seed=None)
    check_options(seed=2**32 - 1)
