"""Weights in files of PyTorch and in npz archives: what is written comes back, and nothing in a file is run."""

import os
import sys

import numpy as np
import pytest
from helpers import corpus
from helpers.samples import published_weights

from jaxpose.files.state_dicts import read_state_dict, write_state_dict
from jaxpose.runtime.errors import InputError


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        assert weights[name].dtype == values.dtype
        np.testing.assert_array_equal(weights[name], values, err_msg=name)


def test_an_archive_is_written_and_read_without_pytorch(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    weights, file = published_weights(), tmp_path / "file.npz"
    write_state_dict(file, weights, key="model_pos", epoch=3, learning_rate=0.5)
    assert_same(read_state_dict(file), weights)
    with pytest.raises(InputError, match="already exists; name another file with --out"):
        write_state_dict(file, weights, key="model_pos", epoch=3, learning_rate=0.5)


def test_of_an_archive_with_other_arrays_the_weights_are_read(tmp_path):
    weights = published_weights()
    others = {"input": np.zeros(3), "parameters": np.array(7)}
    np.savez(tmp_path / "golden.npz", **{f"weight/{name}": values for name, values in weights.items()}, **others)
    assert_same(read_state_dict(tmp_path / "golden.npz"), weights)


def test_the_prefix_of_several_gpus_is_removed(tmp_path):
    weights = published_weights()
    np.savez(tmp_path / "file.npz", **{f"module.{name}": values for name, values in weights.items()})
    assert_same(read_state_dict(tmp_path / "file.npz"), weights)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"w": np.zeros(3)}, "w is float64; it must be an array of float32"),
        ({"w": np.array({"a": 1}, object)}, "w is dict; it must be an array of float32"),
        ({"w": np.array(["a"])}, "w is <U1; it must be"),
    ],
)
def test_archives_of_other_arrays_are_refused(tmp_path, content, fault):
    np.savez(tmp_path / "file.npz", **content)
    with pytest.raises(InputError, match=fault):
        read_state_dict(tmp_path / "file.npz")


def test_damaged_archives_are_refused(tmp_path):
    np.savez(tmp_path / "file.npz", **published_weights())
    corpus.assert_refuses(lambda: read_state_dict(tmp_path / "file.npz"), tmp_path / "file.npz")


def test_without_pytorch_files_are_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "file.bin").touch()
    with pytest.raises(InputError, match=r"require PyTorch: pip install torch$"):
        read_state_dict(tmp_path / "file.bin")


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
    assert_same(read_state_dict(file), weights)
    torch.save(content["model_pos"], file, _use_new_zipfile_serialization=zipped)
    assert_same(read_state_dict(file), weights)


def test_what_is_written_is_read_back(torch, tmp_path):
    weights, file = published_weights(), tmp_path / "file.bin"
    write_state_dict(file, weights, key="model_pos", epoch=3, learning_rate=0.5)
    assert_same(read_state_dict(file), weights)
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
            write_state_dict(tmp_path / name, {}, key="model_pos", epoch=0, learning_rate=0.0)
        assert str(raised.value).startswith(f"{tmp_path / name} {fault}")
    assert os.listdir(tmp_path) == ["old.bin"]


def test_unsafe_and_damaged_files_are_refused(torch, tmp_path):
    file, touched = tmp_path / "file.bin", tmp_path / "touched"

    def refused():
        with pytest.raises(InputError) as raised:
            read_state_dict(file)
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
        assert "no state_dict, neither at its top nor under 'model_pos', 'state_dict', 'model'" in refused()
    for value, kind in ((3, "int"), (torch.zeros(3, dtype=torch.float16), "torch.float16"), ("text", "str")):
        torch.save({"model_pos": {"shrink.bias": value}}, file)
        assert f"shrink.bias is {kind}; it must be a dense float32 tensor" in refused()
