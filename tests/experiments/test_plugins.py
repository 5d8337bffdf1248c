"""The examples of plugins train, resume and evaluate; without the plugin one line names the remedy."""

import json
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.places import ROOT
from helpers.registries import restored_registries
from helpers.samples import make_track

from jaxpose import evaluate, losses, train
from jaxpose.runs import checkpoint
from jaxpose.runs.log import read_log
from jaxpose.runtime.plugins import import_plugin
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")

SMALL = ["--filter-widths", "3", "--channels", "8"]


def file(name):
    return ROOT / "experiments" / "plugins" / f"{name}.py"


@pytest.fixture
def forget():
    """Make the tables as they were without plugins, also after the test."""
    with restored_registries() as restore:

        def forget():
            restore()
            for name in [name for name in sys.modules if name.startswith("jaxpose_plugin_")]:
                del sys.modules[name]

        yield forget
        forget()


@pytest.mark.parametrize("name", ["my_losses", "my_network", "my_objective"])
def test_an_example_is_short(name):
    """Without the description at its top: 20 lines for a constraint, 40 for the others."""
    code = re.sub(r'^""".*?"""\n', "", file(name).read_text("utf-8"), flags=re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= (20 if name == "my_losses" else 40)


@pytest.mark.parametrize(
    ("name", "preset", "settings", "term", "without"),
    [
        ("my_losses", "quick", [*SMALL, "--constraints", "apart", "1", "--clips", "8", "--ramp", "0", "0"], "apart",
         "--constraints is 'apart'"),
        ("my_network", "convolutions", ["--channels", "8"], "position", "is of a network 'convolutions'"),
        ("my_objective", "quick", [*SMALL, "--objectives", "steady_bones"], "steady_bones",
         "--objectives is 'steady_bones'"),
    ],
)  # fmt: skip
def test_an_example_trains_resumes_and_evaluates(
    name, preset, settings, term, without, forget, prepared, tmp_path, capsys, refusal
):
    plugin, run, whole = ["--plugin", str(file(name))], tmp_path / "run", tmp_path / "whole"
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--batch-size", "16"]
    begin = [preset, *plugin, *settings, *data, "--log-every", "2"]
    train.main([*begin, "--steps", "3", "--out", str(run)])
    train.main([*begin, "--steps", "6", "--out", str(whole)])
    forget()
    resume = [f"--resume={run}", "--change", "--steps", "6"]
    refused = refusal(train.main, resume)
    assert without in refused
    assert "--plugin FILE adds" in refused
    train.main([*plugin, *resume])
    assert "Resuming at step 3 of 6" in capsys.readouterr().out
    of_two, of_one = read_log(run), read_log(whole)
    assert [record["step"] for record in of_one] == [2, 4, 6]
    assert all(record[term] > 0 for record in of_one)
    assert of_two[-1] == of_one[-1]  # to the bit
    assert checkpoint.steps(run)[-1] == 6
    evaluate.main([*plugin, str(run)])
    average = json.loads((whole / "results.json").read_text())["average"]
    assert f"{average['mpjpe']:.1f}" in capsys.readouterr().out


def test_without_the_plugin_an_evaluation_of_its_network_names_the_remedy(forget, prepared, tmp_path, refusal):
    run, plugin = tmp_path / "run", ["--plugin", str(file("my_network"))]
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--batch-size", "16"]
    train.main([*plugin, "convolutions", "--channels", "4", *data, "--steps", "1", "--out", str(run)])
    forget()
    assert "--plugin FILE adds those that a file defines" in refusal(evaluate.main, [str(run)])
    assert "there is no preset 'convolutions'" in (refused := refusal(train.main, ["convolutions", *data]))
    assert "--plugin FILE adds those of a file" in refused


def test_the_constraint_of_the_example_is_the_distance_of_wrists_and_ankles(forget):
    import_plugin(file("my_losses"))
    one, other = (make_track(frames=6, seed=seed).positions_3d for seed in (1, 2))
    found = jax.jit(losses.term, static_argnums=(0, 3))("apart", one, other, H36M_17)
    for element, joint in enumerate(("wrist", "ankle")):
        left, right = (H36M_17.index(f"{side}_{joint}") for side in ("left", "right"))
        distances = [np.linalg.norm(np.float64(poses[:, left] - poses[:, right]), axis=-1) for poses in (one, other)]
        np.testing.assert_allclose(found[:, element], ((distances[0] - distances[1]) / 0.05) ** 2, rtol=1e-3, atol=1e-5)
    gradient = jax.jit(jax.grad(lambda poses: losses.joint_aware(poses, other[None], {"apart": 1.0}, H36M_17)[0]))
    assert np.isfinite(gradient(jnp.zeros_like(other[None]))).all()  # also where the wrists coincide
    forget()
    assert "apart" not in losses.QUANTITIES
