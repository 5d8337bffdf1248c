"""Weights are converted from PyTorch's names to ours and back unchanged; invalid weights and files are refused."""

import os
import sys

import jax
import numpy as np
import pytest
from helpers.networks import random_variables
from helpers.samples import published_weights

from jaxpose.models.temporal import TemporalModel
from jaxpose.models.videopose3d_weights import (
    filter_widths,
    params_from_torch,
    read_weights,
    torch_from_params,
    write_weights,
)
from jaxpose.runtime.errors import InputError


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        assert weights[name].dtype == values.dtype
        np.testing.assert_array_equal(weights[name], values, err_msg=name)


@pytest.mark.parametrize("kernels", [(3,), (3, 3), (1, 3, 5), (3, 7, 19)])
def test_the_round_trip_is_exact(kernels):
    weights = published_weights(kernels)
    assert_same(torch_from_params(params_from_torch(weights), steps=7), weights)


@pytest.mark.parametrize("widths", [(3,), (3, 3, 3), (1, 3, 5)])
@pytest.mark.parametrize("dense", [False, True])
def test_the_variables_are_those_of_the_model(widths, dense):
    model = TemporalModel(5, widths, 8, dense=dense)
    variables = random_variables(model)
    weights = torch_from_params(variables)
    kernels = [weights[name].shape[2] for name in weights if name.startswith(("expand_conv", "layers_conv"))]
    assert filter_widths([kernels[0], *kernels[1::2]], dense) == (widths, dense)
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


def test_the_argument_dense_overrides_the_kernels():
    assert filter_widths((3, 7), False) == ((3, 7), False)
    assert filter_widths((3, 7), True) == ((3, 3), True)
    with pytest.raises(InputError, match="no dense model has filters of 3, 3, 7 frames; remove --dense"):
        filter_widths((3, 3, 7), True)


def changed(name, values):
    weights = published_weights()
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
    "shrink.weight has 50 outputs; it must have three for each joint": ("shrink.weight", np.zeros((50, 8, 1))),
    "shrink.bias is float64; it must be float32": ("shrink.bias", np.zeros(51)),
    "shrink.bias has values that are not finite": ("shrink.bias", np.full(51, np.nan, np.float32)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_weights_are_refused_by_name(fault):
    with pytest.raises(InputError) as raised:
        params_from_torch(changed(*FAULTS[fault]))
    assert str(raised.value).startswith(fault)


def test_without_pytorch_files_are_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "file.bin").touch()
    with pytest.raises(InputError, match=r"need PyTorch; pip install 'jaxpose\[torch\]'$"):
        read_weights(tmp_path / "file.bin")


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


def content_of_a_file(torch, weights, **more):
    """What the published code saves."""
    model = {name: torch.from_numpy(values) for name, values in weights.items()}
    moments = {0: {"step": 3, "exp_avg": torch.ones(3)}}
    rest = {"epoch": 80, "lr": np.float64(1e-5), "random_state": np.random.RandomState(1234), "optimizer": moments}
    return rest | {"model_pos": model} | more


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("random_state", [np.random.RandomState(1), Python2Random(), None])
def test_published_files_are_read(torch, tmp_path, zipped, random_state):
    weights, file = published_weights(), tmp_path / "file.bin"
    content = content_of_a_file(torch, weights, random_state=random_state)
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert_same(read_weights(file), weights)
    torch.save(content["model_pos"], file, _use_new_zipfile_serialization=zipped)
    assert_same(read_weights(file), weights)


def test_what_is_written_is_read_back(torch, tmp_path):
    weights, file = published_weights(), tmp_path / "file.bin"
    write_weights(file, weights, epoch=3, learning_rate=0.5)
    assert_same(read_weights(file), weights)
    content = torch.load(file, weights_only=True)
    assert content.keys() == content_of_a_file(torch, weights).keys()
    assert [content[name] for name in ("epoch", "lr", "optimizer", "random_state")] == [3, 0.5, None, None]


def test_a_file_is_neither_replaced_nor_written_anywhere(torch, tmp_path):
    (tmp_path / "old.bin").touch()
    for name, fault in {
        "old.bin": "already exists; name another file with --out",
        "no/new.bin": "cannot be written",
        "x" * 300: "cannot be written",
    }.items():
        with pytest.raises(InputError) as raised:
            write_weights(tmp_path / name, {}, epoch=0, learning_rate=0.0)
        assert str(raised.value).startswith(f"{tmp_path / name} {fault}")
    assert os.listdir(tmp_path) == ["old.bin"]


def test_unsafe_and_damaged_files_are_refused(torch, tmp_path):
    file, touched = tmp_path / "file.bin", tmp_path / "touched"

    def refused():
        with pytest.raises(InputError) as raised:
            read_weights(file)
        assert str(raised.value).startswith(f"{file}: ")
        return str(raised.value)

    assert "no such file" in refused()
    for zipped in (True, False):
        content = content_of_a_file(torch, published_weights(), extra=Calls(f"touch {touched}"))
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
        assert "it contains posix.system, which is refused" in refused()
    assert not touched.exists()
    whole = file.read_bytes()
    for damaged in (b"", b"garbage", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        assert "not a PyTorch file of weights" in refused()
    for content in ([1, 2], {"model_pos": 3}):
        torch.save(content, file)
        assert "no state_dict, neither at its top nor under 'model_pos'" in refused()
    for value, kind in ((3, "int"), (torch.zeros(3, dtype=torch.float16), "torch.float16"), ("text", "str")):
        torch.save({"model_pos": {"shrink.bias": value}}, file)
        assert f"shrink.bias is {kind}; it must be a dense float32 tensor" in refused()
