"""Which term of the loss pulls which joint of a run's predictions where, and which terms fight.

    python -m jaxpose.explain RUN --track S9/Walking/55011271

It prints a table and writes a folder of figures with a page, `index.html`, that opens from disk. Inspected are the
position loss and all constraints that there are, whether or not the run was trained with them.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from matplotlib.figure import Figure
from rich.console import Console

from jaxpose.data.track import Description, find_track, title_with_notice, track_name
from jaxpose.data.windows import PackedTracks, take_windows
from jaxpose.kinematics import mirror
from jaxpose.metrics import mpjpe
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.runtime import tables
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import Skeleton
from jaxpose.training import attribution
from jaxpose.training.attribution import POSITION, TERMS
from jaxpose.visualization import figures as plots
from jaxpose.visualization.attribution_page import COLUMNS, NOTES, STEPS, STRIDE, page, write_folder

WINDOW = 81
"""Frames inspected if the user names none: enough for motion, few enough for the gradient of any network."""


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    run: tyro.conf.Positional[Path]
    """The run's folder."""
    track: str | None = None
    """Subject/action/camera, as in S9/Walking/55011271, or S9/Walking/0 for the first camera; without it, the first
    track of the split."""
    split: str | None = None
    """Look for the track among these subjects; without it, in the run's test split."""
    frame: int | None = None
    """Draw this frame, counted from 0; without it, the one with the largest MPJPE."""
    frames: tuple[int, int] | None = None
    """Inspect the frames from the first to the second, both included; without it, 81 around the one drawn."""
    out: Path | None = None
    """Folder to write; without it, RUN/inspection/ and the name of the track."""


class Window(NamedTuple):
    """Frames of a track, counted from 0."""

    first: int
    last: int  # included
    drawn: int


class Findings(NamedTuple):
    """What is found in a window of T frames; N terms in the order of `TERMS`."""

    values: jax.Array  # (N, T, J) metres of loss
    gradients: jax.Array  # (N, T, J, 3) metres of loss a metre
    cosines: jax.Array  # (N, N)
    norms: jax.Array  # (N,) of the gradients with respect to the parameters
    paths: jax.Array  # (N + 1, S, J, 3) metres, the drawn pose on its descent along each term, and all together
    losses: jax.Array  # (N + 1, S) metres, what descends


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.explain", description=__doc__)
        keep_compiled()
        inspect(command)


def inspect(command: Command) -> None:
    """Inspect the loss of some frames of one track, print the table and write the folder.

    Raises:
      InputError: there is no such run, split, track or frame, or the folder holds something already.
    """
    lifter = open_run(command.run)
    description, tracks, split = load_fitting(lifter, split=command.split)
    track = find_track(tracks, command.track, f"{lifter.config.data}, {split}")
    out = command.out or command.run / "inspection" / track_name(track).replace("/", "-")
    if os.path.exists(out) and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} already exists; remove it, or name another folder with --out")

    data = lifter.join([track])
    errors = mpjpe(lifter.lift(data), data.poses)
    window = choose_window(np.asarray(errors), command.frame, command.frames)
    pose, target, findings = look(lifter.model, lifter.variables, data, description, window)
    table = tabulate(findings, {POSITION: 1.0} | lifter.config.constraints, window, description.skeleton)
    frames = f"frames {window.first} to {window.last} of {len(errors)}"
    caption = f"{title_with_notice(description)}, {track_name(track)}, {frames}."
    figures = draw(pose, target, findings, window, description.skeleton, caption)
    write_folder(out, page(track_name(track), caption, table), figures)

    console = Console(markup=False)
    console.print(caption, style="bold yellow" if description.synthetic else None, soft_wrap=True)
    tables.show(console, table)
    console.print(f"The page is {out / 'index.html'}", soft_wrap=True)


def choose_window(errors: np.ndarray, drawn: int | None, frames: tuple[int, int] | None) -> Window:
    """The frames to inspect.

    Args:
      errors: (T,) of every frame of the track; the largest is drawn if the user names no frame.
      drawn: the frame to draw.
      frames: the first and the last to inspect; `WINDOW` around the one drawn if the user names none.

    Raises:
      InputError: the track does not have them, or what is drawn is not among them.
    """
    total = len(errors)
    first, last = frames or (0, total - 1)
    if not 0 <= first <= last < total:
        raise InputError(
            f"--frames is {first} {last}; the track has frames 0 to {total - 1}, name the first and the last"
        )
    if drawn is None:
        drawn = first + int(np.argmax(errors[first : last + 1]))
    elif not first <= drawn <= last:
        raise InputError(f"--frame is {drawn}; it must be one of the frames {first} to {last}")
    if frames is None:
        first = max(min(drawn - WINDOW // 2, total - WINDOW), 0)
        last = min(first + WINDOW, total) - 1
    return Window(first, last, drawn)


def look(
    model: nn.Module,
    variables: Mapping[str, optax.Params],
    data: PackedTracks,
    description: Description,
    window: Window,
) -> tuple[np.ndarray, np.ndarray, Findings]:
    """Everything that is to be known about a window, in one compiled program.

    The network evaluates as it does in `predict_tracks`: running statistics, no dropout, the mean of what it
    predicts for the input and for its mirror image.

    Args:
      model: the lifter.
      variables: its parameters and statistics.
      data: the frames of one track.
      description: of the data.
      window: of the track.

    Returns:
      The drawn pose, predicted and true, each (J, 3) metres; and what was found.
    """
    skeleton, drawn = description.skeleton, window.drawn - window.first
    starts, frames = jnp.asarray([window.first]), window.last - window.first + 1
    keypoints, (targets,) = take_windows(data, starts, frames, model.context)
    views = jnp.concatenate([keypoints, mirror(keypoints, description.layout)])
    optimizer = optax.adam(optax.cosine_decay_schedule(STRIDE, STEPS), b1=0.5)  # as `attribution.ADAM`

    @jax.jit  # whatever differs between tracks is an argument: a kept program serves all
    def find(
        variables: Mapping[str, optax.Params], views: jax.Array, targets: jax.Array, drawn: jax.Array
    ) -> tuple[jax.Array, Findings]:
        def predict(params: optax.Params) -> jax.Array:
            poses, mirrored = model.apply({**variables, "params": params}, views)
            return (poses + mirror(mirrored, skeleton)) / 2

        def stack(by_name: Mapping[str, jax.Array]) -> jax.Array:
            return jnp.stack([by_name[term] for term in TERMS])

        def descend(weights: jax.Array) -> tuple[jax.Array, jax.Array]:
            by_name = dict(zip(TERMS, weights, strict=True))
            path, loss = attribution.descend(predictions, targets, by_name, skeleton, optimizer=optimizer, steps=STEPS)
            return path[:, drawn], loss

        predictions = predict(variables["params"])
        gradients = attribution.gradients(predictions, targets, skeleton)
        each_alone, together = jnp.eye(len(TERMS)), jnp.ones((1, len(TERMS)))
        paths, losses = jax.lax.map(descend, jnp.concatenate([each_alone, together]))
        return predictions[drawn], Findings(
            values=stack(attribution.values(predictions, targets, skeleton)),
            gradients=stack(gradients),
            cosines=attribution.gradient_cosines(gradients),
            norms=stack(attribution.parameter_norms(predict, variables["params"], gradients)),
            paths=paths,
            losses=losses,
        )

    pose, findings = jax.device_get(find(variables, views, targets, drawn))
    return pose, np.asarray(targets[drawn]), findings


def tabulate(findings: Findings, weights: Mapping[str, float], window: Window, skeleton: Skeleton) -> Table:
    """The table, a row for each term."""
    norms = dict(zip(TERMS, findings.norms, strict=True))
    in_training = attribution.gradient_shares(norms, weights)
    alike = attribution.gradient_shares(norms, dict.fromkeys(TERMS, 1.0))
    frames = range(window.first, window.last + 1)
    rows = [
        (
            term,
            f"{weights.get(term, 0):g}",
            f"{1000 * values.sum():.3g}",
            _worst(values.sum(axis=0), skeleton.joints),
            _worst(values.sum(axis=1), frames),
            f"{100 * in_training[term]:.1f}",
            f"{100 * alike[term]:.1f}",
        )
        for term, values in zip(TERMS, findings.values, strict=True)
    ]
    return Table("", COLUMNS, rows, (NOTES,))


def _worst(values: np.ndarray, names: Sequence[object]) -> str:
    """The name of the largest; a dash where all are alike, as all joints are to a ratio."""
    worst = int(np.argmax(values))
    return "–" if np.allclose(values, values[worst], rtol=1e-3, atol=0) else str(names[worst])


def draw(
    pose: np.ndarray, target: np.ndarray, findings: Findings, window: Window, skeleton: Skeleton, caption: str
) -> dict[str, Figure]:
    """The figures of `FIGURES` by file name; each says by itself of what data it is and in what units."""
    values, gradients, cosines, _, paths, losses = findings
    arrows = dict(zip(TERMS, gradients[:, window.drawn - window.first], strict=True))
    courses = dict(zip((*TERMS, "all, at weight 1"), zip(paths, losses, strict=True), strict=True))
    by_joint = {
        "part of the term, mm of loss": 1000 * values.sum(axis=1).T,
        "pull of the term, mm of loss per m": 1000 * np.sqrt(np.square(gradients).sum(axis=(1, 3))).T,
    }
    drawn = f"{caption} Drawn is frame {window.drawn}."
    legends = {
        "pulls.png": f"{drawn} Grey: the target. Arrows: where each term pulls, in mm of loss per m.",
        "descents.png": f"{drawn} Grey: the prediction. Coloured: after descent; the loss before and after, in mm.",
        "joints.png": f"{caption} Percent of the column; its sum stands below the term.",
        "conflicts.png": f"{caption} Gradients with respect to the predicted poses.",
    }
    return {
        "pulls.png": plots.pulls(pose, target, arrows, skeleton, title=legends["pulls.png"]),
        "descents.png": plots.descents(courses, skeleton, title=legends["descents.png"]),
        "joints.png": plots.joint_terms(by_joint, TERMS, skeleton, title=legends["joints.png"]),
        "conflicts.png": plots.cosine_matrix(cosines, TERMS, title=legends["conflicts.png"]),
    }


if __name__ == "__main__":
    main()
