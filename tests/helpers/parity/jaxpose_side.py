"""jaxpose's side of the comparison with PyTorch: predictions, training, and the differences between both sides."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks, gather_windows
from jaxpose.models.videopose3d_weights import params_from_torch, torch_from_params
from jaxpose.skeleton import layout
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import State
from jaxpose.training.step import Recipe, train_step

from .cases import STEPS, STEPS_PER_EPOCH, WINDOWS, Predicted, Sample, Trained, windows


def differences(config: Config, sample: Sample, seed: int) -> dict[str, float]:
    """Largest differences between jaxpose and PyTorch in one case, by name of the compared result."""
    import torch  # here alone: the tests of the goldens do not need it

    from . import torch_model

    recipe, weights = build_recipe(config, sample), torch_model.initial(config, sample, seed)
    context = recipe.model.context
    ours, theirs = predict(recipe, sample, weights), torch_model.predict(config, sample, weights, context)
    result = {"whole track": largest(ours.whole, theirs.whole)}
    result |= {f"windows, K = {frames}": largest(ours.windows[frames], theirs.windows[frames]) for frames in WINDOWS}
    theirs_64, theirs_32 = (
        torch_model.train(config, sample, weights, context, precision) for precision in (torch.float64, torch.float32)
    )
    for pair, (one, other) in {
        "float64": (train(recipe, sample, weights, "float64"), theirs_64),
        "float32": (train(recipe, sample, weights, "float32"), theirs_32),
        "PyTorch's float32 from its float64": (theirs_32, theirs_64),
    }.items():
        result |= {f"{what} after training, {pair}": value for what, value in training_differences(one, other).items()}
    return result


def build_recipe(config: Config, sample: Sample) -> Recipe:
    """Build jaxpose's recipe for the keypoints and joints of the sample."""
    frames, keypoints, channels = sample.keypoints.shape
    skeletons = layout("joints", sample.poses.shape[1], (), ()), layout("keypoints", keypoints, (), ())
    recipe = setup.build_recipe(config, Description("sample", True, *skeletons, channels, ()), frames)
    assert recipe.steps_per_epoch == STEPS_PER_EPOCH
    return recipe


def predict(recipe: Recipe, sample: Sample, weights: dict[str, np.ndarray]) -> Predicted:
    """Predict with jaxpose, from weights by the names of the published files."""
    variables, frames_of_track = params_from_torch(weights), np.arange(len(sample.poses))

    apply = jax.jit(lambda variables, keypoints: recipe.model.apply(variables, keypoints).poses)

    def run(starts: np.ndarray, frames: int) -> np.ndarray:
        return np.asarray(apply(variables, windows(sample.keypoints, starts, frames, recipe.model.context)))

    whole = run(frames_of_track[:1], len(frames_of_track))[0]
    return Predicted(whole, {frames: run(frames_of_track, frames) for frames in WINDOWS})


def train(recipe: Recipe, sample: Sample, weights: dict[str, np.ndarray], precision: str) -> Trained:
    """Train with jaxpose in "float32" or "float64", starting from these weights."""
    with jax.enable_x64(precision == "float64"):
        cast = functools.partial(jnp.asarray, dtype=precision)
        one, last = jnp.zeros(1, jnp.int32), len(sample.poses) - 1
        data = PackedTracks(cast(sample.keypoints), cast(sample.poses), jnp.repeat(one, last + 1), one, one + last)
        collections = jax.tree.map(cast, params_from_torch(weights))
        params = collections.pop("params")
        opt_state = recipe.optimizer.init(params)
        state = State(jnp.int32(0), params, collections, opt_state, jax.random.key(0))
        state, losses = _train(state, data, jnp.asarray(sample.batches), recipe)
        return Trained(np.asarray(losses), torch_from_params(state.variables, steps=int(state.step)))


@functools.partial(jax.jit, static_argnames="recipe")
def _train(state: State, data: PackedTracks, batches: jax.Array, recipe: Recipe) -> tuple[State, jax.Array]:
    """Take a training step for each of the batches (STEPS, B); return the final state and the losses (STEPS,)."""

    def step(state: State, frames: jax.Array) -> tuple[State, jax.Array]:
        state, terms = train_step(state, {"windows": gather_windows(data, frames, 1, recipe.model.context)}, recipe)
        return state, terms["loss"]

    return jax.lax.scan(step, state, batches)


def training_differences(ours: Trained, theirs: Trained) -> dict[str, float]:
    """Largest relative differences of losses, parameters and running statistics."""
    assert ours.weights.keys() == theirs.weights.keys()
    relative = {
        name: largest(ours.weights[name], theirs.weights[name]) / float(np.abs(theirs.weights[name]).max())
        for name in theirs.weights
    }
    statistics = {name for name in relative if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    return {
        "losses": largest(ours.losses / theirs.losses, np.ones(STEPS)),
        "parameters": max(relative[name] for name in relative.keys() - statistics),
        "statistics": max(relative[name] for name in statistics),
    }


def largest(a: np.ndarray, b: np.ndarray) -> float:
    """Largest absolute difference of two arrays of one shape."""
    assert a.shape == b.shape
    return float(np.abs(a - b).max())
