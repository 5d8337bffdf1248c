"""Training and evaluation against PyTorch, side by side in one run.

    python -m experiments.benchmarks.throughput --out throughput.json --figure throughput.png

Both libraries do the same work in float32 on the same two threads, in turn, so that a machine whose speed drifts
treats them alike; medians and their ratio are printed. Shares are of the best rate at which either library multiplies
square matrices in any of the same turns. Needs the extra `torch`; takes about five minutes.
"""

import dataclasses
import functools
import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
import tyro
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.steps import DESCRIPTION, FEATURES, FRAMES, JOINTS, TRACKS, noise, training_steps
from experiments.benchmarks.turns import Thunk, alternate
from jaxpose.evaluation import predict_tracks
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.models.configs import TemporalConfig
from jaxpose.models.temporal import multiply_adds
from jaxpose.runtime.devices import replicate
from jaxpose.skeleton import H36M_17
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.visualization import figures
from tests.helpers.parity.torch_model import TemporalNet

EPOCH = -(-2 * TRACKS * FRAMES // 512)  # steps of batch 512: what the loop does once an epoch counts as it should
WHOLE = "the same, with batches, mirroring and records"


@dataclasses.dataclass(frozen=True)
class Row:
    """One measured pair: seconds of each turn, multiply-adds of direct convolutions, and a product's rate."""

    name: str
    work: int
    jax: list[float]
    torch: list[float]
    product: float  # floating point operations a second, the best of both libraries in the same turns

    @property
    def ratio(self) -> float:
        """How many times faster jaxpose is."""
        return statistics.median(self.torch) / statistics.median(self.jax)

    def rate(self, library: str) -> float:
        """Floating point operations a second, two for each multiply-add."""
        return 2 * self.work / statistics.median(getattr(self, library))


def torch_training(config: Config, steps: int, *, whole: bool, device: str = "cpu", compiled: bool = False) -> Thunk:
    """`steps` training steps of the strided network, on one batch or on batches that NumPy gathers.

    Args:
      config: the network, its precision, and the batch.
      steps: of one call, which waits for them.
      whole: gather a new batch for each step.
      device: PyTorch's name of it.
      compiled: by `torch.compile`.
    """
    data, model, precision = noise(), config.model, config.model.precision
    net = TemporalNet(FEATURES, JOINTS, model.filter_widths, model.channels, dropout=model.dropout, strided=True)
    net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate, amsgrad=True)
    forward = torch.compile(net) if compiled else net
    autocast = functools.partial(torch.autocast, device, torch.bfloat16, enabled=precision == "bfloat16")
    field, random = int(np.prod(model.filter_widths)), np.random.default_rng(1)
    swapped = np.asarray(H36M_17.mirrored)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        frame = random.integers(len(data.poses), size=config.batch_size)
        track = data.track[frame]
        seen = frame[:, None] + np.arange(field) - field // 2
        seen = np.clip(seen, data.first[track][:, None], data.last[track][:, None])
        keypoints, poses = data.keypoints[seen], data.poses[frame][:, None]
        flipped = random.random(config.batch_size) < 0.5
        keypoints[flipped] = keypoints[flipped][..., swapped, :] * [-1, 1]
        poses[flipped] = poses[flipped][..., swapped, :] * [-1, 1, 1]
        return torch.from_numpy(keypoints).to(device), torch.from_numpy(poses).to(device)

    fixed = batch()

    def run() -> None:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        for _ in range(steps):
            keypoints, poses = batch() if whole else fixed
            optimizer.zero_grad()
            with autocast():
                predicted = forward(keypoints)
            loss = torch.linalg.vector_norm(predicted.float() - poses, dim=-1).mean()
            loss.backward()
            optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def evaluation(config: Config) -> tuple[Thunk, Thunk]:
    """Whole tracks, averaged with their mirror images, by either library."""
    recipe = setup.build_recipe(config, DESCRIPTION, 1)
    data = replicate(noise(), recipe.mesh)
    variables = setup.init(recipe, jax.random.key(0)).variables
    net = TemporalNet(FEATURES, JOINTS, config.model.filter_widths, config.model.channels).eval()
    pad, swapped = int(np.prod(config.model.filter_widths)) // 2, list(H36M_17.mirrored)
    tracks = torch.from_numpy(noise().keypoints.reshape(TRACKS, FRAMES, JOINTS, 2))

    def by_jax() -> object:
        return predict_tracks.predict_tracks(recipe.model, variables, data, DESCRIPTION, recipe.mesh)

    @torch.no_grad()
    def by_torch() -> None:
        for track in tracks:
            padded = torch.cat([track[:1].expand(pad, -1, -1), track, track[-1:].expand(pad, -1, -1)])
            mirrored = padded[:, swapped] * torch.tensor([-1.0, 1])
            plain, flipped = net(torch.stack([padded, mirrored]))
            (plain + flipped[:, swapped] * torch.tensor([-1.0, 1, 1])) / 2

    return by_jax, by_torch


def products(size: int = 4096) -> tuple[int, Thunk, Thunk]:
    """A square matrix product by either library, and its multiply-adds."""
    a = np.random.default_rng(2).normal(size=(size, size)).astype(np.float32)
    multiply, ours, theirs = jax.jit(jnp.matmul), jnp.asarray(a), torch.from_numpy(a)
    return size**3, lambda: multiply(ours, ours), lambda: theirs @ theirs


def measure(turns: int, console: Console) -> list[Row]:
    """All rows; what is compared with each other takes turns with each other."""
    big = Config(model=TemporalConfig(filter_widths=(3, 3, 3, 3, 3), channels=1024), batch_size=256)
    small = Config(model=TemporalConfig(filter_widths=(3, 3, 3), channels=256), batch_size=512)

    def training(config: Config, steps: int, *, whole: bool = False) -> tuple[int, Thunk, Thunk]:
        model = setup.build_model(config, DESCRIPTION)
        work = steps * config.batch_size * multiply_adds(model, FEATURES, 1, training=True)
        return work, training_steps(config, steps, whole=whole), torch_training(config, steps, whole=whole)

    def evaluating(config: Config) -> tuple[int, Thunk, Thunk]:
        model = setup.build_model(config, DESCRIPTION)
        return 2 * TRACKS * multiply_adds(model, FEATURES, FRAMES), *evaluation(config)

    groups: list[Callable[[], dict[str, tuple[int, Thunk, Thunk]]]] = [
        lambda: {"train, 1024 channels, 243 frames, batch 256": training(big, 1)},
        lambda: {
            "train, 256 channels, 27 frames, batch 512, an epoch": training(small, EPOCH),
            WHOLE: training(small, EPOCH, whole=True),
        },
        lambda: {"evaluate, 1024 channels, 243 frames, mirrored": evaluating(big)},
    ]
    rows = []
    for group in groups:
        pairs = {"product": products()} | group()
        console.print(", ".join(list(pairs)[1:]), "…")
        thunks = {(name, library): pair[i] for name, pair in pairs.items() for i, library in ((1, "jax"), (2, "torch"))}
        seconds = alternate(thunks, turns)
        fastest = min(min(seconds["product", library]) for library in ("jax", "torch"))
        product = 2 * pairs.pop("product")[0] / fastest
        rows += [
            Row(name, pair[0], seconds[name, "jax"], seconds[name, "torch"], product) for name, pair in pairs.items()
        ]
    return rows


def table(rows: list[Row]) -> Table:
    """Medians, ratio, and the share of the best matrix product."""
    view = Table("", "jaxpose", "PyTorch", "ratio", "product", "share", "of PyTorch")
    for row in rows:
        ours, theirs = (f"{statistics.median(seconds):.3f} s" for seconds in (row.jax, row.torch))
        shares = (f"{row.rate(library) / row.product:.0%}" for library in ("jax", "torch"))
        view.add_row(row.name, ours, theirs, f"{row.ratio:.2f}×", f"{row.product / 1e9:.0f} GFLOP/s", *shares)
    return view


def draw(rows: list[Row]) -> Figure:
    """How many times faster than PyTorch, per row."""
    figure = Figure(figsize=(8, 0.6 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([row.name for row in rows], [row.ratio for row in rows], color=figures.LEFT)
    axes.bar_label(bars, [f"{row.ratio:.2f}×" for row in rows], padding=3)
    axes.axvline(1, color="0.3", linewidth=1)
    axes.invert_yaxis()
    axes.set(
        xlabel="times as fast as PyTorch, on the same two threads", xlim=(0, 1.15 * max(row.ratio for row in rows))
    )
    return figure


def main(turns: int = 7, out: Path | None = None, figure: Path | None = None) -> None:
    """Measure jaxpose against PyTorch.

    Args:
      turns: of each pair; medians are reported.
      out: write the measurements as JSON.
      figure: draw the ratios.
    """
    torch.set_num_threads(os.cpu_count() or 1)  # XLA uses every core
    console = Console()
    rows = measure(turns, console)
    console.print(table(rows))
    if out is not None:
        facts = {"threads": os.cpu_count(), "jax": jax.__version__, "torch": torch.__version__}
        atomic_write_text(out, json.dumps(facts | {"rows": [dataclasses.asdict(row) for row in rows]}, indent=2) + "\n")
    if figure is not None:
        atomic_write(figure, draw(rows).savefig)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.throughput")
