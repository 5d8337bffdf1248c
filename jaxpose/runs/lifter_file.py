"""A trained lifter as one file: an npz archive of numeric arrays, from which nothing can be run.

| array | content |
|---|---|
| `params/…`, `batch_stats/…` | the variables by path; matrices of `params` may be float16, all else has its own type |
| `settings` | uint8, JSON in UTF-8: `format`, `config`, `data`, `step`, `versions`, as in the files of a run |
| `card` | uint8, text in UTF-8: what the weights were trained and tested on, licences, limits |
| `sha256` | (32,) uint8, checksum of all others (`digest`) |

The arrays are not compressed, which weights hardly can be: an archive never unpacks to more than its own size.
"""

import dataclasses
import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import chex
import jax
import numpy as np

from jaxpose.data.load import SYNTHETIC
from jaxpose.data.track import Description, description_from_dict
from jaxpose.files.atomic import atomic_write
from jaxpose.files.guarded_read import parse_json
from jaxpose.files.safe_npz import load_npz
from jaxpose.runs import FloatType
from jaxpose.runs.folder import description_to_dict, parse_config
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.versions import versions
from jaxpose.training import setup
from jaxpose.training.config import Config, to_dict

FORMAT = 1
"""Number of the format, in `settings`; a reader refuses those that it does not know."""

MOST_BYTES = 2**30
"""Largest file that is read."""

_TEXTS = ("settings", "card")
_LARGEST_TEXT = 2**20  # bytes
_REMEDY = "copy or download it again"


class SavedLifter(NamedTuple):
    """The network that a run's checkpoint or a lifter file holds, in memory."""

    run: Path  # the folder or the file
    config: Config
    description: Description  # of the data it was trained on
    step: int
    variables: dict[str, chex.ArrayTree]  # NumPy
    card: str = ""  # text about the weights; a run has none


def is_lifter_file(path: Path) -> bool:
    """True for an archive that has the arrays of a lifter file by name, whatever is in them."""
    if not os.path.isfile(path):  # reading a pipe would wait
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"settings.npy", "sha256.npy"} <= {*archive.namelist()}
    except Exception:  # crafted or damaged bytes can make zipfile raise anything
        return False


def write_lifter_file(file: Path, lifter: SavedLifter, matrices: FloatType, *, card: str = "") -> None:
    """Write a lifter file; the same lifter gives the same bytes.

    Of the data, the name of their folder is kept, not its path.

    Args:
      file: to create; it must not exist, and its name ends with .npz.
      lifter: what to write.
      matrices: type in which matrices of the parameters are stored. Vectors (biases, scales) and statistics keep
        float32: they are few, and small errors in them act on everything.
      card: text about the weights.

    Raises:
      InputError: the file exists, has another ending or cannot be written; a weight is not finite, or too large for
        float16; the card is too long.
    """
    if file.suffix != ".npz":
        raise InputError(f"{file}: the name of a lifter file ends with .npz")
    if os.path.exists(file):
        raise InputError(f"{file} already exists; name another file with --out")
    config = lifter.config
    if config.data != SYNTHETIC:
        config = dataclasses.replace(config, data=os.path.basename(os.path.abspath(config.data)) or "data")
    settings = {
        "format": FORMAT,
        "config": to_dict(config),
        "data": description_to_dict(lifter.description),
        "step": lifter.step,
        "versions": versions(),
    }
    arrays = {path: _stored(path, np.asarray(leaf), matrices) for path, leaf in _by_path(lifter.variables).items()}
    for name, text in zip(_TEXTS, (json.dumps(settings), card), strict=True):
        arrays[name] = np.frombuffer(text.encode(), np.uint8)
        if arrays[name].size > _LARGEST_TEXT:
            raise InputError(f"the {name} of {file} has more than {_LARGEST_TEXT} bytes; shorten it")
    arrays["sha256"] = np.frombuffer(digest(arrays), np.uint8)
    atomic_write(file, lambda temporary: np.savez(temporary, **arrays))


def _stored(path: str, values: np.ndarray, matrices: FloatType) -> np.ndarray:
    """An array in the type in which it is stored."""
    halved = path.startswith("params/") and values.ndim > 1 and values.dtype == np.float32
    with np.errstate(over="ignore"):
        stored = values.astype(matrices) if halved else values
    if not np.isfinite(values).all():
        raise InputError(f"{path} has values that are not finite; such a network is of no use")
    if not np.isfinite(stored).all():
        raise InputError(f"{path} has values that are too large for float16; store it as float32")
    return stored


def read_lifter_file(file: Path) -> SavedLifter:
    """Read a lifter file, and check it against its checksum and the network that its settings describe.

    Returns:
      The lifter, its variables in the types of the network.

    Raises:
      InputError: it is no lifter file, is damaged or too large, is of a newer format or an unknown network, or its
        arrays are not those of the network.
    """
    size = file.stat().st_size if file.is_file() else 0
    if size > MOST_BYTES:
        raise InputError(f"{file} has {size} bytes, more than the {MOST_BYTES} of the largest lifter file; {_REMEDY}")
    arrays = load_npz(file, most=size)
    try:
        return _lifter(file, arrays)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _lifter(file: Path, arrays: dict[str, Any]) -> SavedLifter:
    """What the arrays of a file hold; messages do not name the file."""
    for name in (*_TEXTS, "sha256"):
        if name not in arrays:
            raise InputError(f"not a lifter file: it has no array {name!r}; name one that convert --lifter has written")
    for name, values in arrays.items():
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
            raise InputError(f"{name!r:.80} is not an array of numbers; {_REMEDY}")
    if arrays.pop("sha256").tobytes() != digest(arrays):
        raise InputError(f"damaged: its content does not have the SHA-256 that it names; {_REMEDY}")
    texts = {name: _text(name, arrays.pop(name)) for name in _TEXTS}
    settings = _settings(texts["settings"])
    if settings["format"] != FORMAT:
        raise InputError(f"of format {settings['format']!r:.20}, this jaxpose reads {FORMAT}; install a newer jaxpose")
    config = parse_config(settings["config"], "its settings", _REMEDY)
    try:
        description = description_from_dict(settings["data"])
    except ValueError as error:
        raise InputError(f"it does not describe its data: {error}; {_REMEDY}") from error
    if type(step := settings["step"]) is not int or not 0 <= step < 2**31:
        raise InputError(f"its step is {step!r:.50}; {_REMEDY}")
    shapes = setup.variable_shapes(setup.build_model(config, description), description)
    return SavedLifter(file, config, description, step, _variables(arrays, shapes), texts["card"])


def _text(name: str, values: np.ndarray) -> str:
    """The text that an array holds."""
    if values.dtype != np.uint8 or values.ndim != 1 or values.size > _LARGEST_TEXT:
        raise InputError(f"{name} is {values.dtype} of shape {values.shape}, not a text; {_REMEDY}")
    try:
        return values.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not a text: {error}; {_REMEDY}") from error


def _settings(text: str) -> dict[str, Any]:
    """The JSON object of the settings, all of whose fields are there."""
    try:
        settings = parse_json(text)
    except ValueError as error:
        raise InputError(f"its settings cannot be read: {error}; {_REMEDY}") from error
    fields = ("format", "config", "data", "step")
    if not isinstance(settings, dict) or not {*fields} <= settings.keys():
        raise InputError(f"its settings are not an object with {', '.join(fields)}; {_REMEDY}")
    return settings


def _variables(arrays: Mapping[str, np.ndarray], shapes: dict[str, chex.ArrayTree]) -> dict[str, chex.ArrayTree]:
    """The variables of a network from arrays by path; raises `InputError` if they are not all and only those."""
    wanted = _by_path(shapes)
    for path in sorted(arrays.keys() | wanted.keys()):
        if path not in wanted:
            raise InputError(f"its network has no array {path!r:.80}; {_REMEDY}")
        if path not in arrays:
            raise InputError(f"{path} of its network is missing; {_REMEDY}")
        values, leaf = arrays[path], wanted[path]
        if values.shape != leaf.shape:
            raise InputError(f"{path} has shape {values.shape}, its network {leaf.shape}; {_REMEDY}")
        if values.dtype not in (leaf.dtype, np.float16 if leaf.dtype == np.float32 else leaf.dtype):
            raise InputError(f"{path} is {values.dtype}; it must be {leaf.dtype} or float16; {_REMEDY}")
        if not np.isfinite(values).all():
            raise InputError(f"{path} has values that are not finite; {_REMEDY}")
    paths, structure = jax.tree_util.tree_flatten_with_path(shapes)
    leaves = [np.asarray(arrays[array_path(keys)], leaf.dtype) for keys, leaf in paths]
    return jax.tree.unflatten(structure, leaves)


def digest(arrays: Mapping[str, np.ndarray]) -> bytes:
    """SHA-256 of arrays: of each, in the order of their names, a line with name, type and shape, and its numbers."""
    checksum = hashlib.sha256()
    for name in sorted(arrays):
        values = arrays[name]
        checksum.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        checksum.update(values.tobytes())
    return checksum.digest()


def _by_path(tree: Mapping[str, chex.ArrayTree]) -> dict[str, Any]:
    """Arrays by their path."""
    return {array_path(keys): leaf for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def array_path(keys: tuple) -> str:
    """The path of an array among the variables of a network as text, such as params/expand/kernel."""
    return jax.tree_util.keystr(keys, simple=True, separator="/")
