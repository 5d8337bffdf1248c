"""A trained network as a file for other programs, which need no jaxpose: StableHLO of JAX, or ONNX.

Both take keypoints (people, frames, K, 2 or 3), any number of people and frames, and give poses (people, frames, J, 3).
What `TrainedModel.lift` does to tracks is inside: edge frames are repeated for the context, and poses are averaged with
those for the mirrored keypoints. `describe` says what the numbers are.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from jaxpose.data.track import title_with_notice
from jaxpose.evaluation.predict_tracks import lift_mirrored
from jaxpose.files.atomic import atomic_write_all
from jaxpose.models.temporal_onnx import lifter_graph
from jaxpose.runs.lifter_file import SavedLifter
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.versions import versions
from jaxpose.training import setup

PLATFORMS = ("cpu", "cuda")
"""What a StableHLO file can run on."""


def write_network(file: Path, lifter: SavedLifter) -> tuple[Path, ...]:
    """Write a network in the format that the suffix of a file names.

    Args:
      file: to create, .stablehlo or .onnx. Beside the first, a file of the same name and .json gets the description;
        the second holds it as metadata.
      lifter: the network.

    Returns:
      The files, the network first.

    Raises:
      InputError: a file exists or cannot be written, the suffix is another, the format cannot hold the network, or the
        package onnx is not installed.
    """
    check_network_file(file)
    model = setup.build_model(lifter.config, lifter.description)
    if model.frames is not None:
        raise InputError(
            f"{lifter.run} takes {model.frames} frames at once, no more and no fewer, and an exported network takes "
            "any number; lift with jaxpose predict"
        )
    contents = dict(zip(network_files(file), WRITERS[file.suffix](lifter), strict=True))
    atomic_write_all(contents)
    return tuple(contents)


def check_network_file(file: Path) -> None:
    """Raise `InputError` if the suffix of a file to create is of no known format, or the file exists."""
    if file.suffix not in WRITERS:
        raise InputError(f"--out {file}: the suffix names the format; end it with {' or '.join(WRITERS)}")
    for each in network_files(file):
        if os.path.exists(each):
            raise InputError(f"{each} already exists; name another file with --out")


def network_files(file: Path) -> tuple[Path, ...]:
    """The files that are written: the network, and beside .stablehlo, which has no metadata, its description."""
    return (file, file.with_name(f"{file.name}.json")) if file.suffix == ".stablehlo" else (file,)


def lifting_function(lifter: SavedLifter) -> Callable[[jax.Array], jax.Array]:
    """The function that is exported: keypoints (B, N, K, C) to poses (B, N, J, 3), for N ≥ 1, the weights inside."""
    model = setup.build_model(lifter.config, lifter.description)
    before, after = model.context

    def lift(keypoints: jax.Array) -> jax.Array:
        # One frame more than the context again: so N may be unknown, as no plan of frames depends on how short it is.
        padding = (before, after + before + after + 1)
        padded = jnp.pad(keypoints, ((0, 0), padding, (0, 0), (0, 0)), mode="edge")
        return lift_mirrored(model, lifter.variables, padded, lifter.description)[:, : keypoints.shape[1]]

    return lift


def describe(lifter: SavedLifter) -> dict[str, Any]:
    """What a user of the file must know, as a JSON object: the numbers that go in and come out, in their order."""
    description, model = lifter.description, setup.build_model(lifter.config, lifter.description)
    layout, skeleton, numbers = description.layout, description.skeleton, ("x", "y", "confidence")
    numbers = numbers[: description.channels]
    unit = "f" if model.rays else "(width / 2)"
    coordinates = f"x = (column - width / 2) / {unit}, y = (row - height / 2) / {unit}, in pixels of the image, y down"
    confidence = "0 to 1"
    if model.rays:
        coordinates += "; f is the focal length, or if it is not known the longer side of the image"
        confidence += "; where it is 0, x and y have no influence"
    made_with = versions()
    return {
        "keypoints": f"float32 (people, frames, {layout.num_joints}, {len(numbers)}): {', '.join(numbers)}",
        "keypoint_names": layout.joints,
        "coordinates": coordinates,
        **({"confidence": confidence} if "confidence" in numbers else {}),
        "poses": f"float32 (people, frames, {skeleton.num_joints}, 3): metres from the first joint, in camera axes "
        "(x right, y down, z forward); means of the poses for the keypoints and for their mirror image",
        "joint_names": skeleton.joints,
        "joint_parents": skeleton.parents,
        "frames_per_second": lifter.config.frame_rates or (description.fps and (description.fps, description.fps)),
        "context": model.context,
        "trained_on": title_with_notice(description),
        "card": lifter.card,
        "source": f"{lifter.run.name}, step {lifter.step}",
        "versions": {package: made_with[package] for package in ("jaxpose", "jax")},
    }


def _stablehlo(lifter: SavedLifter) -> tuple[bytes, bytes]:
    """A network as a serialised `jax.export.Exported`, and its description."""
    keypoints, channels = lifter.description.layout.num_joints, lifter.description.channels
    shape = export.symbolic_shape(f"people, frames, {keypoints}, {channels}")
    exported = export.export(jax.jit(lifting_function(lifter)), platforms=PLATFORMS)
    content = exported(jax.ShapeDtypeStruct(shape, jnp.float32)).serialize()
    return bytes(content), f"{json.dumps(describe(lifter), indent=2, ensure_ascii=False)}\n".encode()


def _onnx(lifter: SavedLifter) -> tuple[bytes]:
    """A network as an ONNX model."""
    description = lifter.description
    notes = {name: text if isinstance(text, str) else json.dumps(text) for name, text in describe(lifter).items()}
    model = lifter_graph(
        setup.build_model(lifter.config, description),
        lifter.variables,
        skeleton=description.skeleton,
        layout=description.layout,
        channels=description.channels,
        notes=notes,
    )
    return (model.SerializeToString(deterministic=True),)


WRITERS: Mapping[str, Callable[[SavedLifter], tuple[bytes, ...]]] = {".stablehlo": _stablehlo, ".onnx": _onnx}
"""By suffix, what gives the content of `network_files`."""
