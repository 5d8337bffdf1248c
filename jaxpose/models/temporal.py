"""The dilated temporal stack of VideoPose3D, computing only the frames that the output needs.

An expanding convolution takes the flattened keypoints of each frame to C channels; then, per further filter width,
a residual block of a dilated convolution and a 1×1 convolution; a last 1×1 convolution gives the joints. Every
convolution but the last is followed by BatchNorm, ReLU and dropout. There is no padding inside: N input frames
give K = N - receptive field + 1 output frames.

One algorithm serves every K. From the output back to the input, each layer needs its taps at the frames that the next
layer needs: equally spaced clusters of consecutive frames. While the dilation is at least a cluster's length, the
number of clusters multiplies; when it is smaller, they merge into one run of consecutive frames. Only these frames are
computed and stored. K = 1 is the published strided training network, a whole track the published dilated network, and
the weights are the same for all. As few frames as the first filter is wide share inputs, but nothing that is computed
from them: they are K windows of one frame, whose taps lie side by side.

Source: Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised training",
CVPR 2019, section 3.
"""

import functools
import itertools
import math

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models.convolution import FrameSet, Reading, with_residual
from jaxpose.models.layers import Activation, BatchNormReLU, Convolution, Pointwise
from jaxpose.models.lifter import Lifter, Prediction, Progress
from jaxpose.models.ops import Precision, dropout_mask
from jaxpose.numerics import as_floating
from jaxpose.shapes import require_rank


@functools.lru_cache
def receptive_plan(filter_widths: tuple[int, ...], frames: int, *, causal: bool, dense: bool) -> tuple[Reading, ...]:
    """Plan the fewest frames that each convolution over time must read and compute for K output frames.

    Args:
      filter_widths: of the layers; the dilation of each is the product of the widths before it.
      frames: consecutive frames to predict, K.
      causal: an output frame depends on past frames only.
      dense: wide filters in place of dilated ones (the published ablation).

    Returns:
      One `Reading` per filter width, first layer first. Its first input is K + receptive field - 1 consecutive frames.
    """
    readings = []
    output = FrameSet(1, frames, frames)
    for layer in reversed(range(len(filter_widths))):
        width, dilation = filter_widths[layer], math.prod(filter_widths[:layer])
        if dense:
            width, dilation = (width - 1) * dilation + 1, 1
        if dilation > output.length:
            input = FrameSet(output.clusters * width, dilation, output.length)
        else:
            run = (output.clusters - 1) * output.spacing + (width - 1) * dilation + output.length
            input = FrameSet(1, run, run)
        readings.append(Reading(width, dilation, width - 1 if causal else width // 2, input, output))
        output = input
    return tuple(reversed(readings))


INITIAL_MOMENTUM, FINAL_MOMENTUM = 0.1, 0.001


def batch_norm_momentum(progress: Progress) -> jax.Array:
    """BatchNorm momentum (weight of the new batch): exponentially from 0.1 towards 0.001, by epoch.

    It is constant within an epoch; 0.001 would be reached in the epoch after the last one planned. Source: the
    published code of VideoPose3D.
    """
    decay = math.log(INITIAL_MOMENTUM / FINAL_MOMENTUM)
    return INITIAL_MOMENTUM * jnp.exp(-progress.whole_epochs / progress.epochs * decay)


class TemporalModel(Lifter):
    """Temporal convolutional network from keypoints of consecutive frames to root-relative poses.

    `apply(variables, keypoints)` evaluates; with `train=True`, `mutable=["batch_stats"]` and a `dropout` key it
    normalises by the batch's statistics and updates the running ones.
    """

    num_joints: int  # J of the predicted skeleton
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)  # odd; their product is the receptive field
    channels: int = 1024
    dropout: float = 0.25
    causal: bool = False
    dense: bool = False
    precision: Precision = "float32"  # of the matrix products

    @property
    def context(self) -> tuple[int, int]:
        """Input frames needed before and after each predicted frame."""
        total = math.prod(self.filter_widths) - 1
        return (total, 0) if self.causal else (total // 2, total // 2)

    def schedules(self, progress: Progress) -> dict[str, chex.Numeric]:
        """BatchNorm's momentum, for the log."""
        return {"momentum": batch_norm_momentum(progress)}

    @property
    def coordinate_precision(self) -> Precision:
        """Precision of the first and last layer: bfloat16 would round keypoints to a pixel and poses to millimetres."""
        return "float32" if self.precision == "bfloat16" else self.precision

    @nn.compact
    def __call__(self, keypoints: jax.Array, *, train: bool = False, progress: Progress | None = None) -> Prediction:
        """Predict the K = N - receptive field + 1 frames with their whole context in the input.

        Args:
          keypoints: (B, N, K_2d, D) screen coordinates of N consecutive frames.
          train: normalise by this batch's statistics, update the running ones, apply dropout.
          progress: of the training, which BatchNorm's momentum follows; None for that of the first epoch.

        Returns:
          Poses (B, K, J, 3) metres, relative to the root.

        Raises:
          ValueError: N is less than the receptive field.
        """
        require_rank(keypoints, "keypoints", "(B, N, K, C)")
        keypoints = as_floating(keypoints)
        batch, available = keypoints.shape[:2]
        frames = available - sum(self.context)
        if frames < 1:
            raise ValueError(f"{available} input frames are fewer than the receptive field of {sum(self.context) + 1}")

        momentum = INITIAL_MOMENTUM if progress is None else batch_norm_momentum(progress)

        def activation(x: jax.Array, name: str) -> Activation:
            """BatchNorm, ReLU and dropout of `x`."""
            norm = BatchNormReLU(name=name).activation(x, train=train, momentum=momentum)
            if not (train and self.dropout):
                return norm
            kept, scale = dropout_mask(self.make_rng("dropout"), x.shape, self.dropout)
            return Activation(lambda norm, kept, x: jnp.where(kept, norm(x) * scale, 0), norm, kept)

        x = keypoints.reshape(batch, available, math.prod(keypoints.shape[2:]))
        run = frames
        if not self.dense and 1 < frames <= self.filter_widths[0]:
            span = sum(self.context) + 1
            windows = jnp.stack([x[:, frame : frame + span] for frame in range(frames)], axis=1)
            x, run = windows.reshape(batch * frames, span, x.shape[-1]), 1
        readings = receptive_plan(self.filter_widths, run, causal=self.causal, dense=self.dense)
        x = Convolution(self.channels, self.coordinate_precision, name="expand")(x, readings[0])
        x = activation(x, "expand_norm")(x)
        for block, reading in enumerate(readings[1:], start=1):
            x, residual = with_residual(x, reading)
            x = Convolution(self.channels, self.precision, name=f"dilated_{block}")(x, reading)
            activate = activation(x, f"dilated_norm_{block}")
            x = Pointwise(self.channels, self.precision, name=f"pointwise_{block}")(x, activate)
            x = residual + activation(x, f"pointwise_norm_{block}")(x)
        x = Pointwise(3 * self.num_joints, self.coordinate_precision, bias=True, name="shrink")(x)
        return Prediction(x.reshape(batch, frames, self.num_joints, 3))


def multiply_adds(model: TemporalModel, features: int, frames: int, *, training: bool = False) -> int:
    """Multiply-adds of direct convolutions for one window: each product of a weight and an activation that it needs.

    On a CPU long runs of many channels take two thirds of these: `winograd`.

    Args:
      model: the stack.
      features: numbers per input frame, K_2d · D.
      frames: consecutive frames to predict, K.
      training: include the backward pass, which repeats every product for the gradients of the weights and of the
        activations, except for the gradient of the keypoints.

    Returns:
      Multiply-adds of the convolutions; a multiply-add is two floating point operations. Norms, activations and the
      optimiser, which grow with the channels and not with their square, are left out.
    """
    channels = model.channels
    expand, *blocks = receptive_plan(model.filter_widths, frames, causal=model.causal, dense=model.dense)
    first = _frame_count(expand.output) * expand.width * features * channels
    others = sum(_frame_count(block.output) * (block.width + 1) * channels**2 for block in blocks)
    others += frames * channels * 3 * model.num_joints
    return 2 * first + 3 * others if training else first + others


def live_activations(model: TemporalModel, frames: int, *, training: bool = False) -> int:
    """Minimum of float32 numbers that one window must hold in memory at once, if every product is computed only once.

    Evaluation: the largest layer, a convolution's input and output; norm and ReLU overwrite their input. A residual
    block also holds the residual during its 1×1 convolution.

    Training: the outputs of all convolutions but the last, which exist when the backward pass begins. The outputs of
    norm, ReLU, dropout (from its key) and residual sum are recomputed from them element by element. The gradients of
    one or two layers' activations, which exist beside them, are not counted.

    Args:
      model: the stack.
      frames: consecutive frames to predict, K.
      training: include the backward pass.

    Returns:
      A count of numbers, without the window's keypoints and poses.
    """
    plan = receptive_plan(model.filter_widths, frames, causal=model.causal, dense=model.dense)
    first, *blocks = counts = [_frame_count(reading.output) for reading in plan]
    if training:
        return model.channels * (first + 2 * sum(blocks))
    over_time = [before + after for before, after in itertools.pairwise(counts)]
    return model.channels * max(first, *over_time, *(3 * count for count in blocks))


def _frame_count(frames: FrameSet) -> int:
    """Number of frames in a set."""
    return frames.clusters * frames.length
