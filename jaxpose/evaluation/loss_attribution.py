"""Attribution of the loss of a track's frames to its terms: values, gradients and descents, tabulated and drawn."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks, gather_windows, to_rays
from jaxpose.kinematics import mirror
from jaxpose.models.lifter import Lifter
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import Skeleton
from jaxpose.training import attribution
from jaxpose.training.attribution import terms
from jaxpose.visualization import attribution_figures as figures
from jaxpose.visualization.attribution_page import COLUMNS, NOTES, STEPS, STRIDE

WINDOW = 81
"""Frames of a window if the user names none: enough for motion, few enough for the gradient of any network."""


class Window(NamedTuple):
    """Frames of a track, counted from 0."""

    first: int
    last: int  # included
    drawn: int


class Attribution(NamedTuple):
    """The loss of a window of T frames by term; N terms in the order of `attribution.terms`."""

    values: np.ndarray  # (N, T, J) metres of loss
    gradients: np.ndarray  # (N, T, J, 3) metres of loss per metre
    cosines: np.ndarray  # (N, N) between the gradients
    norms: np.ndarray  # (N,) of the gradients with respect to the parameters
    paths: np.ndarray  # (N + 1, S, J, 3) metres, the drawn pose on its descent along each term, and along their sum
    losses: np.ndarray  # (N + 1, S) metres, the loss on each descent


def choose_window(errors: np.ndarray, drawn: int | None, frames: tuple[int, int] | None) -> Window:
    """The window of a track, and the frame to draw.

    Args:
      errors: (T,) of every frame of the track; the frame with the largest is drawn if the user names none.
      drawn: the frame to draw.
      frames: the first and the last of the window; by default `WINDOW` frames around the one drawn.

    Raises:
      InputError: the track does not have these frames, or the drawn one is not among them.
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


def attribute_loss(
    model: Lifter,
    variables: Mapping[str, optax.Params],
    data: PackedTracks,
    description: Description,
    window: Window,
    *,
    steps: int = STEPS,
) -> tuple[np.ndarray, np.ndarray, Attribution]:
    """Attribute the loss of a window to its terms, in one compiled program.

    The network is in evaluation mode, as in `predict_tracks`: running statistics, no dropout, the mean of the
    predictions for the input and for its mirror image.

    Args:
      model: the lifter.
      variables: its parameters and statistics.
      data: the frames of one track.
      description: of the data.
      window: of the track.
      steps: of each descent.

    Returns:
      The drawn pose, predicted and true, each (J, 3) metres; and the attribution.
    """
    skeleton, drawn = description.skeleton, window.drawn - window.first
    starts, frames = jnp.asarray([window.first]), window.last - window.first + 1
    windows = gather_windows(data, starts, frames, model.context)
    (targets,) = windows.poses
    keypoints = to_rays(windows.keypoints, windows.camera.intrinsics[:, None]) if model.rays else windows.keypoints
    views = jnp.concatenate([keypoints, mirror(keypoints, description.layout)])
    optimizer = optax.adam(optax.cosine_decay_schedule(STRIDE, steps), b1=0.5)  # as `attribution.ADAM`

    @jax.jit  # whatever differs between tracks is an argument, so that a cached program serves all
    def compute(
        variables: Mapping[str, optax.Params], views: jax.Array, targets: jax.Array, drawn: jax.Array
    ) -> tuple[jax.Array, Attribution]:
        def predict(params: optax.Params) -> jax.Array:
            poses, mirrored = model.apply({**variables, "params": params}, views).poses
            return (poses + mirror(mirrored, skeleton)) / 2

        def stack(by_name: Mapping[str, jax.Array]) -> jax.Array:
            return jnp.stack([by_name[term] for term in terms()])

        def descend(weights: jax.Array) -> tuple[jax.Array, jax.Array]:
            by_name = dict(zip(terms(), weights, strict=True))
            path, loss = attribution.descend(predictions, targets, by_name, skeleton, optimizer=optimizer, steps=steps)
            return path[:, drawn], loss

        predictions = predict(variables["params"])
        gradients = attribution.term_gradients(predictions, targets, skeleton)
        one_term, all_terms = jnp.eye(len(terms())), jnp.ones((1, len(terms())))
        paths, losses = jax.lax.map(descend, jnp.concatenate([one_term, all_terms]))
        return predictions[drawn], Attribution(
            values=stack(attribution.joint_losses(predictions, targets, skeleton)),
            gradients=stack(gradients),
            cosines=attribution.gradient_cosines(gradients, names=terms()),
            norms=stack(attribution.parameter_norms(predict, variables["params"], gradients)),
            paths=paths,
            losses=losses,
        )

    pose, result = jax.device_get(compute(variables, views, targets, drawn))
    return pose, np.asarray(targets[drawn]), result


def attribution_table(result: Attribution, weights: Mapping[str, float], window: Window, skeleton: Skeleton) -> Table:
    """The table of an attribution, a row for each term; `weights` are those of the training, by term."""
    norms = dict(zip(terms(), result.norms, strict=True))
    in_training = attribution.gradient_shares(norms, weights)
    equal = attribution.gradient_shares(norms, dict.fromkeys(terms(), 1.0))
    frames = range(window.first, window.last + 1)
    rows = [
        (
            term,
            f"{weights.get(term, 0):g}",
            f"{1000 * values.sum():.3g}",
            _worst(values.sum(axis=0), skeleton.joints),
            _worst(values.sum(axis=1), frames),
            f"{100 * in_training[term]:.1f}",
            f"{100 * equal[term]:.1f}",
        )
        for term, values in zip(terms(), result.values, strict=True)
    ]
    return Table("", COLUMNS, rows, (NOTES,))


def _worst(values: np.ndarray, names: Sequence[object]) -> str:
    """The name of the largest value; a dash where all are equal, as those of all joints are of a ratio."""
    worst = int(np.argmax(values))
    return "–" if np.allclose(values, values[worst], rtol=1e-3, atol=0) else str(names[worst])


def attribution_figures(
    pose: np.ndarray, target: np.ndarray, result: Attribution, window: Window, skeleton: Skeleton, caption: str
) -> dict[str, Figure]:
    """The figures of `attribution_page.FIGURES` by file name; each names its data and units in its title."""
    arrows = dict(zip(terms(), result.gradients[:, window.drawn - window.first], strict=True))
    descents = zip((*terms(), "sum of all terms"), zip(result.paths, result.losses, strict=True), strict=True)
    by_joint = {
        "contribution to the term, mm of loss": 1000 * result.values.sum(axis=1).T,
        "gradient of the term, mm of loss per m": 1000 * np.sqrt(np.square(result.gradients).sum(axis=(1, 3))).T,
    }
    drawn = f"{caption} Frame {window.drawn} is drawn."
    titles = {
        "gradients.png": f"{drawn} Grey: the target. Arrows: negative gradients, in mm of loss per m.",
        "descents.png": f"{drawn} Grey: the prediction. Coloured: after descent. Loss before and after, in mm.",
        "joints.png": f"{caption} Per cent of the column; its sum is below the term.",
        "cosines.png": f"{caption} Gradients with respect to the predicted poses.",
    }
    return {
        "gradients.png": figures.gradient_arrows(pose, target, arrows, skeleton, title=titles["gradients.png"]),
        "descents.png": figures.descent_paths(dict(descents), skeleton, title=titles["descents.png"]),
        "joints.png": figures.joint_term_heatmaps(by_joint, terms(), skeleton, title=titles["joints.png"]),
        "cosines.png": figures.cosine_matrix(result.cosines, terms(), title=titles["cosines.png"]),
    }
