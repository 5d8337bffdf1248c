"""What the commands share: the whole command of a data set, the CPU, ranges of options, and the report."""

import dataclasses
import sys
import types

import jax
import pytest
from helpers.legs import DESCRIPTION, tracks

from data_prep.writer.command import Output, check_options, prepare
from data_prep.writer.source import Source
from jaxpose.data import store
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of a data set of the tests."""

    scale: float
    """Metres per unit of length."""


@pytest.fixture
def data_set(monkeypatch):
    """A data set `legs`, as a module of data_prep; it keeps the options that it is asked with."""
    module, asked = types.ModuleType("data_prep.legs", "Prepare legs."), []

    def make_source(options):
        assert jax.default_backend() == "cpu"
        asked.append(options)

        def remarks(sizes):
            return [f"left out: {size.frames} frames" for size in sizes.values()]

        return Source(DESCRIPTION, tracks, "made by a test", inputs=(options.out.parent / "input",), remarks=remarks)

    module.Options, module.make_source, module.asked = Options, make_source, asked
    monkeypatch.setitem(sys.modules, "data_prep.legs", module)
    return module


def test_the_options_of_every_command_are_documented(data_set, capsys):
    with pytest.raises(SystemExit, match="0"):
        prepare("legs", ["--help"])
    shown = capsys.readouterr().out
    assert "usage: jaxpose prepare legs" in shown
    for text in ("Prepare legs.", "Folder to write the prepared data set to", "Subjects to prepare", "Metres per unit"):
        assert text in " ".join(shown.split())
    assert not data_set.asked


def test_a_source_is_written_and_reported(data_set, tmp_path, capsys):
    prepare("legs", ["--out", str(tmp_path / "out"), "--scale", "2", "--jobs=1"])
    assert [options.scale for options in data_set.asked] == [2.0]
    assert store.read_description(tmp_path / "out") == DESCRIPTION
    lines = capsys.readouterr().out.splitlines()
    frames = [len(track.keypoints_2d) for split in DESCRIPTION.splits for track in tracks(split)]
    left_out = [line for line in lines if line.startswith("left out")]
    assert len(left_out) == len(DESCRIPTION.splits)
    assert sum(int(line.split()[2]) for line in left_out) == sum(frames)
    assert lines[: len(left_out)] == left_out
    assert lines[-1] == f"wrote {tmp_path / 'out'}"


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_read(data_set, tmp_path, refusal):
    (tmp_path / "file").touch()
    assert "is not empty; name a new folder" in refusal(prepare_legs, ["--out", str(tmp_path), "--scale", "1"])
    assert not data_set.asked


def prepare_legs(arguments):
    prepare("legs", arguments)


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
