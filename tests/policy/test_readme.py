"""The README's example runs, and its commands are the ones that are tested."""

import contextlib
import io
import math
import re

import jax
import pytest
from helpers.places import ROOT

from jaxpose.losses import QUANTITIES
from jaxpose.training.config import PRESETS

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_library_example_runs():
    motion, constraints, *_ = blocks("python")
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(motion, names)
        exec(constraints, names)
    assert names["angles"].shape == (100, 10)
    assert names["pull"].shape == (100, 17, 3)
    assert jax.numpy.isfinite(names["pull"]).all()
    assert names["squares"].shape == (100, 10)
    assert set(names["parts"]) == {"position", "angle", "acceleration"}
    assert jax.numpy.isfinite(names["grow"]).all()
    assert re.fullmatch(r"P-MPJPE \d+\.\d mm\nMPJVE \d+\.\d mm/frame\n", printed.getvalue())


def test_the_table_of_terms_is_true():
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    assert all(any(f"`{name}`" in row.split("|")[1] for row in rows) for name in QUANTITIES)


def test_the_preset_table_is_true():
    for name, config in PRESETS.items():
        row = next(line for line in README.splitlines() if line.startswith(f"| `{name}`"))
        numbers = [int(cell) for cell in re.findall(r"\| (\d+)", row)]
        assert numbers == [math.prod(config.filter_widths), config.channels, config.epochs]


@pytest.mark.skipif(not (ROOT / ".ci" / "run").exists(), reason="an installed copy has no .ci")
def test_ci_runs_the_test_command():
    (run,) = re.findall(r"pip install '\.\[test\]' && \.venv/bin/(python -m pytest)", README)
    script = (ROOT / ".ci" / "run").read_text()
    assert "'.[test,cuda-aot]'" in script
    assert '"$environment/bin/python" -m pytest\n' in script
    assert run == "python -m pytest"
