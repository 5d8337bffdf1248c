"""The plan of a run on a GPU, where no compiler for one is needed."""

import jax
import pytest
from helpers.samples import DESCRIPTION

from jaxpose.models.configs import TemporalConfig
from jaxpose.models.temporal import multiply_adds
from jaxpose.runs import gpu_plan
from jaxpose.runtime import cuda_compiler, devices
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import PRESETS, Config

TINY = Config(model=TemporalConfig(filter_widths=(3, 3), channels=32), batch_size=16)


@pytest.mark.parametrize("everywhere", ["tensorfloat32", "bfloat16"])
def test_no_setting_of_jax_brings_tensor_cores_in(everywhere):
    """`float32` means it; shown on the program before optimisation, so also without the compiler."""
    with jax.default_matmul_precision(everywhere):
        call = gpu_plan.training_call(TINY, devices.data_mesh())
        program = call.lower(lowering_platforms=("cuda",)).as_text()
    lines = [line for line in program.splitlines() if "stablehlo.dot_general" in line]
    assert len(lines) == 3 * 4 - 1  # four layers
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in lines)


def test_random_motion_is_cut_into_tracks():
    data = gpu_plan.motion(jax.random.key(0), 10, 3)
    assert data.track.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert data.first.tolist() == [0, 3, 6]
    assert data.last.tolist() == [2, 5, 9]


def test_an_epoch_of_human36m_at_the_published_batch():
    assert gpu_plan.steps_per_epoch(PRESETS["baseline-2048"]) == 3047  # 3,119,504 samples in batches of 1024


def test_the_benchmark_measures_where_it_runs():
    row = gpu_plan.measured(TINY, 2, frames=60, repeats=2)
    assert row.how == "measured"
    assert row.step > 0
    assert row.epoch == row.step * gpu_plan.steps_per_epoch(TINY)
    assert row.flops == 2 * 16 * multiply_adds(setup.build_model(TINY, DESCRIPTION), 34, 1, training=True)


def test_without_the_compiler_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(cuda_compiler, "available", lambda: False)
    with pytest.raises(InputError, match="cuda-aot"):
        gpu_plan.computed("h100", TINY)
