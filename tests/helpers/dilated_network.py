"""The published dilated network, which computes every frame of the window: a reference for the work of other forms.

`experiments/benchmarks` imports it too, as `tests.helpers.dilated_network`.
"""

import math

import jax
import optax

from jaxpose.models.convolution import Reading
from jaxpose.models.layers import BatchNormReLU
from jaxpose.models.temporal import TemporalModel, receptive_plan


def apply(model: TemporalModel, variables: optax.Params, keypoints: jax.Array) -> jax.Array:
    """Evaluate every layer at every frame of the window that it can reach.

    Args:
      model: the stack.
      variables: its parameters and running statistics.
      keypoints: (B, N, K_2d, D) screen coordinates.

    Returns:
      (B, K, J, 3) metres, for the K frames with their whole context in the window.
    """
    params, statistics = variables["params"], variables["batch_stats"]

    def layer(x: jax.Array, name: str, dilation: int = 1) -> jax.Array:
        kernel = params[name]["kernel"]
        kernel = kernel.reshape(-1, *kernel.shape[-2:])  # a 1×1 kernel has one tap
        layout = ("NWC", "WIO", "NWC")
        x = jax.lax.conv_general_dilated(x, kernel, (1,), "VALID", rhs_dilation=(dilation,), dimension_numbers=layout)
        kind, underscore, number = name.partition("_")
        norm = f"{kind}_norm{underscore}{number}"
        norms = {"params": params[norm], "batch_stats": statistics[norm]}
        return BatchNormReLU().apply(norms, x, train=False, momentum=0)

    x = layer(keypoints.reshape(*keypoints.shape[:2], -1), "expand")
    for block, reading in enumerate(_readings(model)[1:], start=1):
        start = reading.residual * reading.dilation
        residual = x[:, start : start + x.shape[1] - _span(reading)]
        x = residual + layer(layer(x, f"dilated_{block}", reading.dilation), f"pointwise_{block}")
    x = x @ params["shrink"]["kernel"] + params["shrink"]["bias"]
    return x.reshape(*x.shape[:2], -1, 3)


def multiply_adds(model: TemporalModel, features: int) -> int:
    """Multiply-adds of `apply` on one window of the receptive field, for one person; `features` is K_2d · D."""
    expand, *blocks = _readings(model)
    frames = math.prod(model.filter_widths) - _span(expand)
    total = frames * expand.width * features * model.channels
    for block in blocks:
        frames -= _span(block)
        total += frames * (block.width + 1) * model.channels**2
    return total + frames * model.channels * 3 * model.num_joints


def _readings(model: TemporalModel) -> tuple[Reading, ...]:
    """Width, dilation and residual tap of each convolution over time."""
    return receptive_plan(model.filter_widths, 1, causal=model.causal, dense=model.dense)


def _span(reading: Reading) -> int:
    """Frames that a layer's output is shorter than its input."""
    return (reading.width - 1) * reading.dilation
