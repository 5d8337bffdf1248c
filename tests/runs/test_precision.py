"""bfloat16 falls back to float32 on a CPU without instructions for it, and the training says so."""

import dataclasses

import jax
import pytest

from jaxpose import train
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import precision
from jaxpose.runs.folder import read_settings
from jaxpose.runs.precision import FALLBACK, multiplies_bfloat16, supported
from jaxpose.runs.trained import open_run
from jaxpose.training.config import Config

ZEN_5 = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\nbugs\t\t: none\n"
ZEN_3 = "processor\t: 0\nflags\t\t: fpu avx2\nbugs\t\t: avx512_bf16\n"
SAPPHIRE_RAPIDS = "flags\t\t: avx512f amx_bf16\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16\n"


@pytest.mark.parametrize(
    ("cpuinfo", "xla_flags", "has"),
    [
        (ZEN_5, "", True),
        (SAPPHIRE_RAPIDS, "", True),
        (ZEN_3, "", False),
        (ARM, "", False),
        ("", "", False),
        (ZEN_5, "--xla_cpu_max_isa=AVX2", False),
        (ZEN_5, "--xla_cpu_max_isa=AVX2 --xla_cpu_max_isa=AVX512_BF16", True),
        (SAPPHIRE_RAPIDS, "--xla_dump_to=x --xla_cpu_max_isa=amx", True),
        (ZEN_3, "--xla_cpu_max_isa=AMX", False),
    ],
)
def test_the_instructions_are_those_that_linux_and_xla_name(cpuinfo, xla_flags, has):
    assert multiplies_bfloat16(cpuinfo, xla_flags) == has


@pytest.mark.parametrize("has", [True, False])
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_only_bfloat16_on_a_cpu_without_it_is_changed(monkeypatch, has, backend):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: has)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    for name in ("float32", "tf32", "bfloat16"):
        config = Config(model=TemporalConfig(channels=8, precision=name))
        expected = "float32" if (name, has, backend) == ("bfloat16", False, "cpu") else name
        changed = dataclasses.replace(config, model=dataclasses.replace(config.model, precision=expected))
        assert supported(config) == changed


def test_training_says_so_and_keeps_the_setting(monkeypatch, tmp_path, capsys, prepared):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    run = tmp_path / "run"
    settings = ["--channels", "8", "--filter-widths", "3", "--batch-size", "32", "--steps", "2", "--epochs", "1"]
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9"]
    train.main(["baseline", "--precision", "bfloat16", *settings, *data, "--out", str(run)])
    assert " ".join(FALLBACK.split()) in " ".join(capsys.readouterr().out.split())
    assert read_settings(run)[0].model.precision == "bfloat16"
    assert open_run(run).model.precision == "float32"
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)
    assert open_run(run).model.precision == "bfloat16"
    train.main(["baseline", *settings, *data, "--out", str(tmp_path / "plain")])
    assert "bfloat16" not in capsys.readouterr().out
