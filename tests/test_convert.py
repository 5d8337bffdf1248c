"""Weights go from PyTorch's names to ours and back unchanged, and whatever is not such weights is refused."""

import json
import math
import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxpose import checkpoint, convert, evaluate
from jaxpose.convert import filter_widths, params_from_torch, shapes_of, torch_from_params
from jaxpose.errors import InputError
from jaxpose.models.temporal import TemporalModel
from jaxpose.runs import read_settings


def state_dict(kernels=(3, 3), channels=8, features=34, joints=17, seed=0):
    """Random weights by the published names."""
    random = np.random.default_rng(seed)
    shapes = {"expand_conv.weight": (channels, features, kernels[0])}
    norms = ["expand_bn", *(f"layers_bn.{number}" for number in range(2 * len(kernels) - 2))]
    for block, width in enumerate(kernels[1:]):
        shapes[f"layers_conv.{2 * block}.weight"] = (channels, channels, width)
        shapes[f"layers_conv.{2 * block + 1}.weight"] = (channels, channels, 1)
    for norm in norms:
        shapes |= {f"{norm}.{leaf}": (channels,) for leaf in ("weight", "bias", "running_mean", "running_var")}
    shapes |= {"shrink.weight": (3 * joints, channels, 1), "shrink.bias": (3 * joints,)}
    weights = {name: random.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return weights | {f"{norm}.num_batches_tracked": np.array(7) for norm in norms}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("kernels", [(3,), (3, 3), (1, 3, 5), (3, 7, 19)])
def test_the_round_trip_is_exact(kernels):
    weights = state_dict(kernels)
    assert_same(torch_from_params(params_from_torch(weights), steps=7), weights)


@pytest.mark.parametrize("widths", [(3,), (3, 3, 3), (1, 3, 5)])
@pytest.mark.parametrize("dense", [False, True])
def test_the_variables_are_those_of_the_model(widths, dense):
    model = TemporalModel(5, widths, 8, dense=dense)
    variables = model.init(jax.random.key(0), np.zeros((1, math.prod(widths), 4, 2), np.float32))
    weights = torch_from_params(variables)
    shapes = shapes_of(weights)
    assert (shapes.channels, shapes.features, shapes.joints) == (8, 8, 5)
    assert filter_widths(shapes.kernels, dense) == (widths, dense)
    assert jax.tree.all(jax.tree.map(np.array_equal, dict(variables), params_from_torch(weights)))


@pytest.mark.parametrize(
    ("kernels", "widths", "dense"),
    [
        ((3, 3, 3, 3, 3), (3, 3, 3, 3, 3), False),
        ((3, 3, 7), (3, 3, 7), False),
        ((1, 3, 5), (1, 3, 5), False),
        ((3,), (3,), False),
        ((1, 3), (1, 3), False),
        ((3, 1, 1), (3, 1, 1), False),
        ((3, 7, 19, 55, 163), (3, 3, 3, 3, 3), True),
        ((1, 3, 13), (1, 3, 5), True),
    ],
)
def test_dense_filters_are_recognised(kernels, widths, dense):
    assert filter_widths(kernels) == (widths, dense)


def test_what_is_said_about_dense_filters_counts():
    assert filter_widths((3, 7), False) == ((3, 7), False)
    assert filter_widths((3, 7), True) == ((3, 3), True)
    with pytest.raises(InputError, match="no dense model has filters of 3, 3, 7 frames"):
        filter_widths((3, 3, 7), True)


def changed(name, values):
    weights = state_dict()
    if values is None:
        del weights[name]
    else:
        weights[name] = values
    return weights


FAULTS = {
    "expand_conv.weight is missing": ("expand_conv.weight", None),
    "layers_bn.1.running_var is missing": ("layers_bn.1.running_var", None),
    "layers_conv.1.weight is missing": ("layers_conv.1.weight", None),
    "layers_conv.2.weight is missing": ("layers_conv.3.weight", np.zeros((8, 8, 1), np.float32)),
    "extra.weight is unknown": ("extra.weight", np.zeros(3, np.float32)),
    "expand_conv.weight has shape (8, 34); it must have three axes": ("expand_conv.weight", np.zeros((8, 34))),
    "layers_conv.0.weight has shape (8, 9, 3); it must be (8, 8, 3)": ("layers_conv.0.weight", np.zeros((8, 9, 3))),
    "layers_conv.1.weight has shape (8, 8, 3); it must be (8, 8, 1)": ("layers_conv.1.weight", np.zeros((8, 8, 3))),
    "expand_bn.bias has shape (); it must be (8,)": ("expand_bn.bias", np.zeros(())),
    "layers_conv.0.weight is 4 frames wide": ("layers_conv.0.weight", np.zeros((8, 8, 4))),
    "shrink.weight gives 50 numbers": ("shrink.weight", np.zeros((50, 8, 1))),
    "shrink.bias is float64; it must be float32": ("shrink.bias", np.zeros(51)),
    "shrink.bias holds values that are not finite": ("shrink.bias", np.full(51, np.nan, np.float32)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_weights_are_refused_by_name(fault):
    with pytest.raises(InputError) as raised:
        params_from_torch(changed(*FAULTS[fault]))
    assert str(raised.value).startswith(fault)


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """Pretend that a file holds some weights: a way around PyTorch."""

    def store(weights):
        monkeypatch.setattr(convert, "read_weights", lambda file: weights)
        return str(tmp_path / "pretrained.bin")

    return store


def test_an_imported_run_is_evaluated(stored, prepared, tmp_path, capsys):
    weights = state_dict()
    convert.main([stored(weights), "--out", str(tmp_path / "run"), "--causal"])
    assert "Filter widths 3,3, dilated, causal; 8 channels" in capsys.readouterr().out
    config, description = read_settings(tmp_path / "run")
    assert (config.filter_widths, config.channels, config.causal, config.dense) == ((3, 3), 8, True, False)
    assert (description.title, description.skeleton.name, description.channels) == ("pretrained.bin", "h36m_17", 2)
    evaluate.main([str(tmp_path / "run"), "--data", str(prepared), "--split", "S9"])
    assert "Sitting" in capsys.readouterr().out


def test_the_joints_come_from_the_data(stored, prepared, tmp_path):
    convert.main([stored(state_dict()), "--out", str(tmp_path / "run"), "--data", str(prepared)])
    config, description = read_settings(tmp_path / "run")
    assert (config.data, description.title) == (str(prepared), "sample motion")


def test_the_schedules_go_on_where_they_stopped(stored, tmp_path):
    convert.import_run(Path(stored(state_dict())), tmp_path / "run")
    like = convert.initial_state(*read_settings(tmp_path / "run"))
    state = checkpoint.load(tmp_path / "run", like)
    assert int(state.step) == 7
    moments, schedule = state.opt_state
    assert (int(moments.count), int(schedule.count)) == (0, 7)


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        (state_dict(joints=15), "shrink.weight is for 15 joints, but skeleton h36m_17 has 17; name the prepared data"),
        (state_dict(features=30), "takes 30 numbers a frame, but layout h36m_17 has 17 keypoints of 2"),
        (state_dict(features=17), "takes 17 numbers a frame"),
        (changed("shrink.bias", None), "shrink.bias is missing"),
        (changed("expand_bn.num_batches_tracked", np.array(-1)), "expand_bn.num_batches_tracked is -1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(stored, prepared, tmp_path, refusal, weights, fault):
    file = stored(weights)
    for data in ([], ["--data", str(prepared)]):
        line = refusal(convert.main, [file, "--out", str(tmp_path / "run"), *data])
        assert line.startswith(f"error: {file}: ")
        assert fault in line
    assert not (tmp_path / "run").exists()


def test_without_pytorch_files_are_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "file.bin").touch()
    with pytest.raises(InputError, match=r"take PyTorch; pip install 'jaxpose\[torch\]'$"):
        convert.import_run(tmp_path / "file.bin", tmp_path / "run")


def test_an_occupied_run_is_refused(stored, tmp_path, refusal):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes").touch()
    assert "already exists" in refusal(convert.main, [stored(state_dict()), "--out", str(tmp_path / "run")])


# What follows reads and writes files, with PyTorch.


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed; it reads and writes the files")


class Python2Random:
    """Pickles as the random states of NumPy before 1.17 do."""

    def __reduce__(self):
        return vars(np.random)["__RandomState_ctor"], (), ("MT19937", np.zeros(624, "u4"), 624, 0, 0.0)


class Calls:
    """Pickles to a call of a shell."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def published(torch, weights, **more):
    """What the published code saves."""
    model = {name: torch.from_numpy(values) for name, values in weights.items()}
    moments = {0: {"step": 3, "exp_avg": torch.ones(3)}}
    rest = {"epoch": 80, "lr": np.float64(1e-5), "random_state": np.random.RandomState(1234), "optimizer": moments}
    return rest | {"model_pos": model} | more


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("random_state", [np.random.RandomState(1), Python2Random(), None])
def test_published_files_are_read(torch, tmp_path, zipped, random_state):
    weights, file = state_dict(), tmp_path / "file.bin"
    content = published(torch, weights, random_state=random_state)
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert_same(convert.read_weights(file), weights)
    torch.save(content["model_pos"], file, _use_new_zipfile_serialization=zipped)
    assert_same(convert.read_weights(file), weights)


def test_a_file_becomes_a_run_and_a_file_again(torch, tmp_path, capsys, refusal):
    weights, files, run = state_dict((3, 7)), [tmp_path / "one.bin", tmp_path / "two.bin"], tmp_path / "run"
    torch.save(published(torch, weights), files[0])
    convert.main([str(files[0]), "--out", str(run)])
    convert.main([str(run), "--out", str(files[1])])
    assert "dense, symmetric" in capsys.readouterr().out
    content = torch.load(files[1], weights_only=True)
    assert_same({name: values.numpy() for name, values in content["model_pos"].items()}, weights)
    assert (content["epoch"], content["optimizer"], content["random_state"]) == (80, None, None)
    assert content["lr"] == pytest.approx(0.001 * 0.95**80)
    assert json.loads((run / "config.json").read_text())["filter_widths"] == [3, 3]
    line = refusal(convert.main, [str(run), "--out", str(files[1])])
    assert line.endswith("two.bin already exists; name another file with --out")
    assert "there is no folder" in refusal(convert.main, [str(run), "--out", str(tmp_path / "no" / "file.bin")])
    assert "leave out all but --out" in refusal(convert.main, [str(run), "--out", str(files[1]), "--causal"])
    assert "holds no run" in refusal(convert.main, [str(tmp_path), "--out", str(tmp_path / "three.bin")])


def test_unsafe_and_damaged_files_are_refused(torch, tmp_path, refusal):
    file, touched = tmp_path / "file.bin", tmp_path / "touched"

    def refused():
        line = refusal(convert.main, [str(file), "--out", str(tmp_path / "run")])
        assert line.startswith(f"error: {file}: ")
        return line

    assert "no such file" in refused()
    for zipped in (True, False):
        content = published(torch, state_dict(), extra=Calls(f"touch {touched}"))
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
        assert "it names posix.system, which is refused" in refused()
    assert not touched.exists()
    whole = file.read_bytes()
    for damaged in (b"", b"garbage", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        assert "not weights as PyTorch saves them" in refused()
    for content in ([1, 2], {"model_pos": 3}):
        torch.save(content, file)
        assert "holds no state_dict" in refused()
    for value, kind in ((3, "int"), (torch.zeros(3, dtype=torch.float16), "torch.float16"), ("text", "str")):
        torch.save({"model_pos": {"shrink.bias": value}}, file)
        assert f"shrink.bias is {kind}; it must be a plain tensor of float32" in refused()
