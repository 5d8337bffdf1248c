"""The published network and its training, written by us in PyTorch.

Sources: Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised training",
CVPR 2019, sections 3 and 5; names and shapes of the weights are those of the files that its authors distribute, so
that such files load here.
"""

import math

import numpy as np
import torch
from torch import nn

from jaxpose.training.config import Config

from .cases import STEPS_PER_EPOCH, WINDOWS, Predicted, Sample, Trained, windows


class TemporalNet(nn.Module):
    """Temporal network from keypoints (B, N, K_2d, D) to poses (B, N - receptive field + 1, J, 3).

    `strided` is the form for training on single frames: its input is one receptive field, and it computes only the
    frames that its one output frame needs. Both forms have the same weights; dense filters have no strided form.
    """

    def __init__(
        self,
        features: int,
        joints: int,
        filter_widths: tuple[int, ...],
        channels: int,
        *,
        dropout: float = 0.25,
        causal: bool = False,
        dense: bool = False,
        strided: bool = False,
    ) -> None:
        """Create layers with PyTorch's default weights; `features` is K_2d · D."""
        super().__init__()
        if strided and dense:
            raise ValueError("dense filters have no strided form")

        def over_time(inputs: int, layer: int) -> nn.Conv1d:
            width, dilation = filter_widths[layer], math.prod(filter_widths[:layer])
            if strided:
                return nn.Conv1d(inputs, channels, width, stride=width, bias=False)
            if dense:
                return nn.Conv1d(inputs, channels, (width - 1) * dilation + 1, bias=False)
            return nn.Conv1d(inputs, channels, width, dilation=dilation, bias=False)

        blocks = range(1, len(filter_widths))
        pairs = [(over_time(channels, block), nn.Conv1d(channels, channels, 1, bias=False)) for block in blocks]
        self.joints, self.causal = joints, causal
        self.expand_conv = over_time(features, 0)
        self.expand_bn = nn.BatchNorm1d(channels)
        self.layers_conv = nn.ModuleList(conv for pair in pairs for conv in pair)
        self.layers_bn = nn.ModuleList(nn.BatchNorm1d(channels) for _ in self.layers_conv)
        self.shrink = nn.Conv1d(channels, 3 * joints, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, keypoints: torch.Tensor) -> torch.Tensor:
        """Predict every frame with its whole context in the input."""
        x = keypoints.flatten(2).transpose(1, 2)
        x = self._activate(self.expand_conv(x), self.expand_bn)
        convs, norms = list(self.layers_conv), list(self.layers_bn)
        for block in range(0, len(convs), 2):
            y = self._activate(convs[block](x), norms[block])
            y = self._activate(convs[block + 1](y), norms[block + 1])
            x = self._residual(x, convs[block])[..., : y.shape[-1]] + y
        return self.shrink(x).transpose(1, 2).unflatten(2, (self.joints, 3))

    def set_momentum(self, momentum: float) -> None:
        """Set the weight of a new batch in the running statistics of every norm."""
        for norm in (self.expand_bn, *self.layers_bn):
            norm.momentum = momentum

    def _activate(self, x: torch.Tensor, norm: nn.BatchNorm1d) -> torch.Tensor:
        return self.dropout(torch.relu(norm(x)))

    def _residual(self, x: torch.Tensor, conv: nn.Conv1d) -> torch.Tensor:
        """Select the residual: the middle tap of each filter, or the last one of a causal filter."""
        (width,), (dilation,), (stride,) = conv.kernel_size, conv.dilation, conv.stride
        tap = width - 1 if self.causal else width // 2
        return x[:, :, tap * dilation :: stride]


def initial(config: Config, sample: Sample, seed: int) -> dict[str, np.ndarray]:
    """Random weights by name, with norms that are not the identity, so that errors in them show."""
    torch.manual_seed(seed)
    net = build(config, sample)
    for norm in (net.expand_bn, *net.layers_bn):
        for values, middle in ((norm.weight, 1), (norm.running_var, 1), (norm.bias, 0), (norm.running_mean, 0)):
            nn.init.uniform_(values, middle - 0.5, middle + 0.5)
    return _arrays(net)


def build(
    config: Config, sample: Sample, weights: dict[str, np.ndarray] | None = None, *, strided: bool = False
) -> TemporalNet:
    """Build the network of the settings for the keypoints and joints of the sample."""
    network = config.model
    net = TemporalNet(
        math.prod(sample.keypoints.shape[1:]),
        sample.poses.shape[1],
        network.filter_widths,
        network.channels,
        dropout=network.dropout,
        causal=network.causal,
        dense=network.dense,
        strided=strided and not network.dense,
    )
    if weights is not None:
        net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return net


@torch.no_grad()
def predict(config: Config, sample: Sample, weights: dict[str, np.ndarray], context: tuple[int, int]) -> Predicted:
    """Predict the whole track and windows of it; windows of one frame with the strided network.

    Args:
      config: the settings.
      sample: with the track.
      weights: by name.
      context: input frames needed before and after each predicted frame.

    Returns:
      The predictions.
    """
    nets = [build(config, sample, weights, strided=strided).eval() for strided in (False, True)]
    frames_of_track = np.arange(len(sample.poses))

    def run(starts: np.ndarray, frames: int) -> np.ndarray:
        return nets[frames == 1](torch.from_numpy(windows(sample.keypoints, starts, frames, context))).numpy()

    whole = run(frames_of_track[:1], len(frames_of_track))[0]
    return Predicted(whole, {frames: run(frames_of_track, frames) for frames in WINDOWS})


def train(
    config: Config, sample: Sample, weights: dict[str, np.ndarray], context: tuple[int, int], dtype: torch.dtype
) -> Trained:
    """Train by the published recipe: AMSGrad on the MPJPE of single frames; both schedules change every epoch.

    Args:
      config: the settings.
      sample: the track, and the frames of each batch.
      weights: initial weights, by name.
      context: see `predict`.
      dtype: of all numbers.

    Returns:
      Losses of the steps, and the weights after them.
    """
    net, losses = build(config, sample, weights, strided=True).to(dtype).train(), []
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate, amsgrad=True)
    for step, frames in enumerate(sample.batches):
        if step % STEPS_PER_EPOCH == 0:
            epoch = step // STEPS_PER_EPOCH
            net.set_momentum(0.1 * math.exp(-epoch / config.epochs * math.log(100)))
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * config.learning_rate_decay**epoch
        keypoints = torch.from_numpy(windows(sample.keypoints, frames, 1, context)).to(dtype)
        poses = torch.from_numpy(sample.poses[frames, None]).to(dtype)
        loss = torch.linalg.vector_norm(net(keypoints) - poses, dim=-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return Trained(np.array(losses), _arrays(net))


def _arrays(net: TemporalNet) -> dict[str, np.ndarray]:
    """Copy the parameters and statistics."""
    return {name: values.numpy().copy() for name, values in net.state_dict().items()}
