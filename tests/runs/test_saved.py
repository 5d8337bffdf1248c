"""A run and the lifter file made from it give the same network; what is neither is refused."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers.samples import DESCRIPTION

from jaxpose import weights
from jaxpose.runs.folder import read_settings
from jaxpose.runs.lifter_file import write_lifter_file
from jaxpose.runs.saved import initial_run, is_run, load_saved, saved_settings
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.runtime.errors import InputError

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture
def file(untrained, tmp_path):
    write_lifter_file(tmp_path / "lifter.npz", load_saved(untrained), "float32")
    return tmp_path / "lifter.npz"


def test_a_file_holds_what_the_run_holds(untrained, file):
    run, saved = load_saved(untrained), load_saved(file)
    jax.tree.map(np.testing.assert_array_equal, saved.variables, run.variables)
    assert saved.step == run.step == 0
    assert saved_settings(file) == (saved.config, DESCRIPTION)
    assert saved_settings(untrained) == read_settings(untrained)


def test_a_file_has_one_state_and_no_data(file, prepared):
    with pytest.raises(InputError, match=r"lifter\.npz is a file, which has one state .* remove --checkpoint best"):
        open_run(file, "best")
    with pytest.raises(InputError, match=r"lifter\.npz comes without the data that it was trained on, sample motion"):
        load_fitting(open_run(file))
    assert load_fitting(open_run(file), str(prepared))[2] == "S9"


def test_what_is_neither_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none is not a run: it has no config\.json"):
        load_saved(tmp_path / "none")
    np.savez(tmp_path / "poses.npz", positions_0=np.zeros(3))
    (tmp_path / "text").write_text("text")
    for name in ("poses.npz", "text"):
        for read in (load_saved, saved_settings):
            with pytest.raises(InputError, match=f"{name} is not a run: it is neither a run's folder nor a lifter"):
                read(tmp_path / name)


def test_runs_are_told_from_keypoints(untrained, file, tmp_path):
    (tmp_path / "openpose").mkdir()
    (tmp_path / "k.json").write_text("[]")
    assert [is_run(path) for path in (untrained, file)] == [True, True]
    assert not any(is_run(tmp_path / name) for name in ("openpose", "k.json", "none"))


def test_the_word_weights_is_the_file_that_comes_with_jaxpose(file, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", file.parent)
    with pytest.raises(InputError, match="jaxpose comes without trained weights in this version; train a lifter"):
        initial_run("weights")
    file.rename(file.with_name("anywhere.npz"))
    assert initial_run("weights") == file.with_name("anywhere.npz")
    assert initial_run("./weights") == Path("weights")


def test_a_file_is_opened_without_orbax(file):
    """Importing it takes a quarter of a second, and reading a checkpoint another."""
    program = (
        "import sys; from jaxpose.runs.trained import open_run; open_run(sys.argv[1]); print('orbax' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False)
    assert found.stdout == "False\n", found.stderr
