"""Weights of PyTorch networks in files: a `state_dict`, alone or in a checkpoint, or an npz archive of its arrays.

PyTorch's own files need PyTorch. Reading a file never runs code from it.
"""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jaxpose.files.atomic import atomic_write
from jaxpose.files.safe_npz import load_npz
from jaxpose.runtime.errors import InputError

KEYS = ("model_pos", "state_dict", "model")
"""Names under which published code saves the `state_dict` in its checkpoints."""

_PREFIX = "weight/"  # of the weights in an npz archive that also has other arrays


def read_state_dict(file: Path) -> dict[str, np.ndarray]:
    """Read the weights in a file: a checkpoint of published code, a `state_dict`, or an npz archive of one.

    PyTorch's weights-only unpickler creates tensors, dicts, lists, strings and numbers and refuses everything else.
    VideoPose3D's files also contain the state of NumPy's random generator: its types are replaced by `_Ignored`.

    Args:
      file: written by `torch.save`; or an archive, with the ending .npz, whose arrays have the names of a `state_dict`.
        If some names begin with "weight/", these are the weights, and other arrays are left out.

    Returns:
      Arrays by name, float32 or int64. The "module." before all names of a network that was trained on several GPUs is
      removed.

    Raises:
      InputError: the file does not exist, is not of either kind, contains a type that is refused or no `state_dict`, or
        PyTorch is needed and not installed.
    """
    if not os.path.isfile(file):
        raise InputError(f"{file}: no such file")
    weights = _from_npz(file) if file.suffix == ".npz" else _from_pytorch(file)
    if weights and all(name.startswith("module.") for name in weights):
        return {name.removeprefix("module."): values for name, values in weights.items()}
    return weights


def write_state_dict(
    file: Path, weights: Mapping[str, np.ndarray], *, key: str, epoch: int, learning_rate: float
) -> None:
    """Write weights as a checkpoint of published code, or as an npz archive if the file's name ends with .npz.

    The checkpoint has no states of the optimiser and the random generator; the archive has the weights alone.

    Args:
      file: the new file; it must not exist.
      weights: the `state_dict`, as arrays.
      key: under which the published code looks for it.
      epoch: epoch of the weights.
      learning_rate: in that epoch.

    Raises:
      InputError: the file exists or cannot be written, or PyTorch is needed and not installed.
    """
    if os.path.exists(file):
        raise InputError(f"{file} already exists; name another file with --out")
    if file.suffix == ".npz":
        atomic_write(file, lambda temporary: np.savez(temporary, **weights))
        return
    torch = _torch()
    tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
    content = {"epoch": epoch, "lr": learning_rate, "random_state": None, "optimizer": None, key: tensors}
    buffer = io.BytesIO()  # torch's own error message for a full disk does not mention the disk
    torch.save(content, buffer)
    atomic_write(file, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def _from_npz(file: Path) -> dict[str, np.ndarray]:
    """The weights in an npz archive."""
    content = load_npz(file)
    marked = {name.removeprefix(_PREFIX): values for name, values in content.items() if name.startswith(_PREFIX)}
    weights = marked or content
    for name, values in weights.items():
        kind = getattr(values, "dtype", type(values).__name__)
        if kind not in (np.float32, np.int64):
            raise InputError(f"{file}: {name} is {kind}; it must be an array of float32")
    return weights


def _from_pytorch(file: Path) -> dict[str, np.ndarray]:
    """The weights in a file of PyTorch."""
    torch = _torch()
    try:
        with torch.serialization.safe_globals([(_Ignored, name) for name in _RANDOM_STATE]):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # crafted or damaged bytes can make torch raise anything
        refused = re.search(r"GLOBAL (\S+)", str(error))
        fault = f"it contains {refused[1]}, which is refused" if refused else f"{type(error).__name__}: {error}"[:200]
        raise InputError(f"{file}: not a PyTorch file of weights ({fault}); copy or download it again") from error
    weights = content
    if isinstance(content, dict):
        weights = next((content[key] for key in KEYS if key in content), content)
    if not isinstance(weights, dict):
        under = ", ".join(map(repr, KEYS))
        raise InputError(f"{file}: no state_dict, neither at its top nor under {under}; save model.state_dict()")
    for name, values in weights.items():
        kind = getattr(values, "dtype", type(values).__name__)
        if kind not in (torch.float32, torch.int64) or values.layout != torch.strided:
            raise InputError(f"{file}: {name} is {kind}; it must be a dense float32 tensor")
    return {str(name): values.detach().numpy() for name, values in weights.items()}


class _Ignored:
    """Inert substitute for the types of a random generator's state while a file is read."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


_RANDOM_STATE = (
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.random.__RandomState_ctor",  # NumPy before 1.17
    "numpy.random._pickle.__randomstate_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._mt19937.MT19937",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
)
"""All types and functions in pickles of a `numpy.random.RandomState` and of NumPy's numbers."""


def _torch() -> ModuleType:
    """Import PyTorch, an optional dependency."""
    try:
        import torch
    except ImportError:
        raise InputError("PyTorch files require PyTorch: pip install torch") from None
    return torch
