"""Run every check that only a GPU can decide, within a time, and write one JSON file and one table.

    bash experiments/gpu/check.sh OUT [--small]      # README.md says what the machine needs

In this order: the tests marked `gpu`; training steps of the paper's size beside PyTorch's, eager and compiled; the
kernels of one step; a training of `baseline` on the built-in data. What there is no time for is left out and named.
"""

import contextlib
import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args
from xml.etree import ElementTree

import jax
import tyro
from rich.console import Console

from experiments.benchmarks import steps
from experiments.benchmarks.turns import Thunk, alternate
from experiments.gpu.kernels import profile
from jaxpose.files.atomic import atomic_write_text
from jaxpose.models.configs import Precision, TemporalConfig
from jaxpose.models.ops import matmul
from jaxpose.models.temporal import multiply_adds
from jaxpose.runs import checkpoint
from jaxpose.runs.gpu_plan import TRAIN_FRAMES, measured
from jaxpose.runs.log import read_log
from jaxpose.runtime.tables import Table, markdown, show
from jaxpose.training import setup
from jaxpose.training.config import Config


class Sizes(NamedTuple):
    """How much is measured."""

    seconds: float  # for all
    channels: tuple[int, ...]
    filter_widths: tuple[int, ...]
    batch: int
    steps: int  # of one measured call
    turns: int
    frames: int  # of random data of Human3.6M's kind
    product: int  # rows and columns of the matrices whose product is the yardstick
    training: float  # seconds, after the first record of its log
    options: tuple[str, ...]  # of the training, beside the preset


FULL = Sizes(450, (1024, 2048), (3, 3, 3, 3, 3), 1024, 5, 3, TRAIN_FRAMES, 8192, 60, ())
SMALL = Sizes(
    600, (8, 16), (3, 3), 16, 2, 1, 2000, 64, 1,
    ("--channels", "8", "--filter-widths", "3", "3", "--batch-size", "64", "--log-every", "5"),
)  # fmt: skip
"""For a try without a GPU: that everything runs."""


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the check."""

    out: tyro.conf.Positional[Path]
    """Folder for check.json, check.md and what the parts leave."""
    small: bool = False
    """A few small steps of everything, on any device, to see that it runs."""


def left(end: float) -> float:
    """Seconds until a time of the monotonic clock; negative after it."""
    return end - time.monotonic()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the checks; the exit status is 1 if a part failed."""
    command = tyro.cli(Command, args=arguments, prog="bash experiments/gpu/check.sh", description=__doc__)
    sizes = SMALL if command.small else FULL
    end, console = time.monotonic() + sizes.seconds, Console()
    command.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"device": jax.devices()[0].device_kind, "jax": jax.__version__, "small": command.small}
    parts: dict[str, Callable[[], Any]] = {
        "tests": lambda: run_tests(command.out, end),
        "steps": lambda: measure_steps(sizes, end),
        "kernels": lambda: profile_step(sizes),
        "epoch": lambda: measure_epoch(sizes),
        "training": lambda: train(sizes, end),
    }
    for name, part in parts.items():
        console.print(f"{name}, {left(end):.0f} s left …")
        try:
            found[name] = part() if left(end) > 0 else {"left out": "no time was left"}
        except Exception as error:
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
            console.print(traceback.format_exc(), soft_wrap=True, highlight=False, markup=False)
        # After each part: what was measured stays, whatever happens then.
        atomic_write_text(command.out / "check.json", json.dumps(found, indent=1) + "\n")
    tables = list(as_tables(found))
    for table in tables:
        show(console, table)
    atomic_write_text(command.out / "check.md", "\n".join(map(markdown, tables)))
    sys.exit(any("failed" in found[name] for name in parts))


def run_tests(out: Path, end: float) -> dict[str, Any]:
    """Run the tests marked `gpu` in a process of their own.

    Raises:
      RuntimeError: a test failed, or none ran.
    """
    report = out / "tests.xml"
    command = [sys.executable, "-m", "pytest", "tests/gpu", "-m", "gpu", "-n", "0", f"--junitxml={report}"]
    platforms = "cpu" if jax.default_backend() == "cpu" else "cuda,cpu"
    environment = os.environ | {"JAX_PLATFORMS": platforms, "XLA_FLAGS": "--xla_gpu_deterministic_ops=true"}
    ended = subprocess.run(command, check=False, env=environment, timeout=max(left(end), 1))
    suite = next(ElementTree.parse(report).iter("testsuite"))
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    if ended.returncode:
        raise RuntimeError(f"pytest ended with {ended.returncode}: {counts}; see {report}")
    return counts | {"seconds": float(suite.get("time"))}


def measure_steps(sizes: Sizes, end: float) -> list[dict[str, Any]]:
    """Time training steps on one batch, by jaxpose and by PyTorch in turn, of each width and precision.

    Rates are of direct convolutions (`temporal.multiply_adds`), beside that of a product of square matrices by JAX.
    """
    rows = []
    for channels in sizes.channels:
        for precision in get_args(Precision):
            name = {"channels": channels, "precision": precision}
            if left(end) < 2.5 * sizes.training:  # which the other parts need
                rows.append(name | {"left out": "no time was left"})
                continue
            config = step_config(sizes, channels, precision)
            thunks = {"product": product(sizes.product, precision)} | dict(by_each_library(config, sizes.steps))
            seconds = {key: statistics.median(of) for key, of in alternate(thunks, sizes.turns).items()}
            model = setup.build_model(config, steps.DESCRIPTION)
            work = config.batch_size * multiply_adds(model, steps.FEATURES, 1, training=True)
            step = {key: of / sizes.steps for key, of in seconds.items() if key != "product"}
            rate, best = 2 * work / step["jaxpose"], 2 * sizes.product**3 / seconds["product"]
            rows.append(name | {"seconds": step, "rate": rate, "product": best, "share": rate / best})
    return rows


def step_config(sizes: Sizes, channels: int, precision: Precision) -> Config:
    """The settings of the training step that is measured."""
    network = TemporalConfig(filter_widths=sizes.filter_widths, channels=channels, precision=precision)
    return Config(model=network, batch_size=sizes.batch)


def by_each_library(config: Config, count: int) -> Iterator[tuple[str, Thunk]]:
    """The same steps by each library that is installed."""
    yield "jaxpose", steps.training_steps(config, count, whole=False)
    try:
        import torch

        from experiments.benchmarks import throughput
    except ImportError:  # of the extra `torch`
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for name, compiled in {"PyTorch": False, "PyTorch, compiled": True}.items():
        yield name, throughput.torch_training(config, count, whole=False, device=device, compiled=compiled)


def product(size: int, precision: Precision) -> Thunk:
    """The product of two square matrices of random numbers."""
    matrices = jax.random.normal(jax.random.key(0), (2, size, size))
    multiply = jax.jit(lambda pair: matmul(pair[0], pair[1], precision))
    return lambda: multiply(matrices)


def profile_step(sizes: Sizes) -> dict[str, Any]:
    """The longest kernels of training steps of the largest network in bfloat16, beside the whole."""
    config = step_config(sizes, sizes.channels[-1], "bfloat16")
    call = steps.training_steps(config, sizes.steps, whole=False)
    call()  # compiles
    began = time.perf_counter()
    call()
    whole = (time.perf_counter() - began) / sizes.steps
    kernels = [
        {"name": kernel.name, "seconds": kernel.seconds / sizes.steps, "runs": kernel.runs / sizes.steps}
        for kernel in profile(call)
    ]
    return {"seconds": whole, "in kernels": sum(kernel["seconds"] for kernel in kernels), "longest": kernels[:25]}


def measure_epoch(sizes: Sizes) -> list[dict[str, Any]]:
    """Whole training steps, batches included, on random data of Human3.6M's size: seconds of an epoch, memory."""
    rows = []
    for precision in ("tf32", "bfloat16"):
        config = step_config(sizes, sizes.channels[-1], precision)
        row = measured(config, sizes.steps, frames=sizes.frames, repeats=sizes.turns)
        rows.append({"precision": precision, "step": row.step, "epoch": row.epoch, "memory": row.memory or 0})
    return rows


def train(sizes: Sizes, end: float) -> dict[str, Any]:
    """Train `baseline` on the built-in data, stop it as a batch system would, and resume it for a step.

    Raises:
      RuntimeError: it does not stop with its state saved, or does not resume.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "jaxpose.train"]
        settings = ["baseline", "--precision", "bfloat16", *sizes.options, "--out", str(run)]
        with subprocess.Popen([*command, *settings], stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None and not read_log(run) and left(end) > 0:
                time.sleep(0.5)  # before its first record it is not yet training
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(sizes.training, max(left(end), 0)))
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=120)
        log = read_log(run)
        if process.returncode not in (0, 128 + signal.SIGTERM) or not log:
            raise RuntimeError(f"the training ended with {process.returncode}: {output[-500:]}")
        last = checkpoint.steps(run)[-1]
        resume = ["--resume", str(run), "--change", "--steps", str(last + 1)]
        again = subprocess.run([*command, *resume], check=False, capture_output=True, text=True, timeout=180)
        if again.returncode:
            raise RuntimeError(f"the resumed training ended with {again.returncode}: {again.stderr[-500:]}")
    return {"steps": last, "seconds": sizes.training, "first loss": log[0]["loss"], "last loss": log[-1]["loss"]}


def as_tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """The tables of what was found; a part that failed or was left out is a line that says so."""
    title = f"{found['device']}, jax {found['jax']}" + ", small: no measure of anything" * found["small"]
    missing = {name: of for name, of in found.items() if isinstance(of, dict) and {*of} <= {"failed", "left out"}}
    rows = [[name, "; ".join(f"{key}: {text}" for key, text in of.items())] for name, of in missing.items()]
    summaries = {
        "tests": "{tests} tests, {skipped} skipped, {seconds:.0f} s",
        "kernels": "{in kernels:.4f} of {seconds:.4f} s a step are in kernels",
        "training": "{steps} steps in {seconds:.0f} s, loss {first loss:.3f} to {last loss:.3f} m; it resumes",
    }
    rows += [[name, text.format(**found[name])] for name, text in summaries.items() if name not in missing]
    yield Table(title, ["part", "result"], rows, text_columns=(0, 1))
    if "steps" not in missing:
        yield Table("Training steps", STEP_HEADER, [step_row(row) for row in found["steps"]], text_columns=(0, 1))
    if "epoch" not in missing:
        rows = [
            [of["precision"], f"{1000 * of['step']:.1f} ms", f"{of['epoch']:.0f} s", f"{of['memory'] / 2**30:.1f}"]
            for of in found["epoch"]
        ]
        yield Table("All training frames of Human3.6M, mirrored", ["products", "step", "epoch", "GiB"], rows)
    if "kernels" not in missing:
        longest = found["kernels"]["longest"]
        rows = [[of["name"], f"{1e6 * of['seconds']:.0f} µs", f"{of['runs']:g}"] for of in longest]
        yield Table("The longest kernels of a step", ["kernel", "time", "runs"], rows)


LIBRARIES = ("jaxpose", "PyTorch", "PyTorch, compiled")
STEP_HEADER = ["channels", "products", *LIBRARIES, "× PyTorch", "× compiled", "TFLOP/s", "of the product"]


def step_row(row: Mapping[str, Any]) -> list[str]:
    """A row of the table of training steps."""
    name = [str(row["channels"]), row["precision"]]
    if "left out" in row:
        return [*name, *["–"] * (len(STEP_HEADER) - 2)]
    seconds = [row["seconds"].get(library) for library in LIBRARIES]
    ratios = [None if of is None else of / seconds[0] for of in seconds[1:]]
    return [
        *name,
        *("–" if of is None else f"{1000 * of:.1f} ms" for of in seconds),
        *("–" if ratio is None else f"{ratio:.2f}×" for ratio in ratios),
        f"{row['rate'] / 1e12:.1f}",
        f"{row['share']:.0%}",
    ]


if __name__ == "__main__":
    main()
