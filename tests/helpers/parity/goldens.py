"""Stored results of the PyTorch side, for tests without PyTorch; `python -m experiments.parity.goldens` writes them."""

import json
from pathlib import Path

import numpy as np

from jaxpose.files.atomic import atomic_write

from .cases import WINDOWS, Predicted, Sample, Trained, cases, make_sample

GOLDENS = Path(__file__).parents[2] / "goldens" / "parity.npz"
TRAINED = ("3,3,3", "3,3,3 causal", "1,3,5", "3,3,3,3,3")
"""Cases with stored training; the others would add more bytes and seconds than evidence."""

Golden = tuple[dict[str, np.ndarray], Predicted, Trained | None]
"""Initial weights, predictions, and the result of training."""


def write(out: Path = GOLDENS, seed: int = 0) -> None:
    """Write the goldens: weights and predictions in float32, training computed in float64 and stored in float32.

    Args:
      out: the npz file.
      seed: seed of the weights and the sample.
    """
    import torch  # reading does not need it

    from . import torch_model
    from .jaxpose_side import build_recipe

    sample = make_sample(seed)
    content, shapes = dict(sample._asdict()), {}
    for name, config in cases().items():
        weights = torch_model.initial(config, sample, seed)
        context = build_recipe(config, sample).model.context
        predicted = torch_model.predict(config, sample, weights, context)
        content[f"{name}/weights"] = _flat(weights)
        content[f"{name}/whole"] = predicted.whole
        content |= {f"{name}/windows_{frames}": predicted.windows[frames][::8] for frames in WINDOWS}
        shapes[name] = {key: values.shape for key, values in weights.items()}
        if name in TRAINED:
            trained = torch_model.train(config, sample, weights, context, torch.float64)
            content[f"{name}/losses"] = trained.losses.astype(np.float32)
            content[f"{name}/trained"] = _flat(trained.weights)
    content["shapes"] = np.array(json.dumps(shapes).encode())
    out.parent.mkdir(exist_ok=True)
    atomic_write(out, lambda temporary: np.savez_compressed(temporary, **content))


def load(path: Path = GOLDENS) -> tuple[Sample, dict[str, Golden]]:
    """Load the sample, and the goldens by case, with every eighth window."""
    with np.load(path) as file:
        content = dict(file)
    goldens = {}
    for name, shapes in json.loads(content["shapes"].item()).items():
        predicted = Predicted(
            content[f"{name}/whole"], {frames: content[f"{name}/windows_{frames}"] for frames in WINDOWS}
        )
        trained = None
        if name in TRAINED:
            trained = Trained(content[f"{name}/losses"], _named(content[f"{name}/trained"], shapes))
        goldens[name] = _named(content[f"{name}/weights"], shapes), predicted, trained
    return Sample(*(content[field] for field in Sample._fields)), goldens


def _flat(weights: dict[str, np.ndarray]) -> np.ndarray:
    """Concatenate all arrays: in an npz file each array has an overhead larger than a small array's content."""
    return np.concatenate([values.reshape(-1) for values in weights.values()]).astype(np.float32)


def _named(flat: np.ndarray, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Split a `_flat` array by the names and shapes of its parts."""
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes.values()])
    parts = np.split(flat, ends[:-1])
    return {
        name: part.reshape(shape).astype(np.int64 if name.endswith("tracked") else np.float32)
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
