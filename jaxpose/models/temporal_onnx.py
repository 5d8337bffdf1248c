"""The temporal stack, aimed or not, as an ONNX graph from keypoints of whole tracks to poses.

The graph is written node by node, without a converter: the stack is convolutions, of which BatchNorm becomes a part,
and aiming is a few lines of arithmetic. Values of the graph are named by strings. Needs the package onnx.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import chex
import numpy as np

from jaxpose.models.aimed import FORWARD, LEAST_SIZE, NEAREST, AimedLifter
from jaxpose.models.layers import BatchNormReLU
from jaxpose.models.lifter import Lifter
from jaxpose.models.temporal import TemporalModel, receptive_plan
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

OPERATORS, FORMAT = 17, 8
"""Versions of ONNX's operators and of its files, of 2022: old programs read them, too."""

_END = np.iinfo(np.int64).max
_TINY = np.finfo(np.float32).tiny

Variables = Mapping[str, chex.ArrayTree]


def lifter_graph(
    model: Lifter,
    variables: Variables,
    *,
    skeleton: Skeleton,
    layout: Skeleton,
    channels: int,
    notes: Mapping[str, str],
) -> Any:
    """Write a network as an ONNX model, `keypoints` (people, frames, K, channels) to `poses` (people, frames, J, 3).

    Edge frames are repeated for the context, and poses averaged with those for the mirrored keypoints, as in
    `evaluation.predict_tracks`. The arithmetic is float32, whatever the network's precision.

    Args:
      model: a `TemporalModel`, or an `AimedLifter` around one.
      variables: its parameters and statistics, NumPy.
      skeleton: of the poses.
      layout: of the keypoints.
      channels: numbers per keypoint.
      notes: become the model's metadata.

    Returns:
      An `onnx.ModelProto`.

    Raises:
      InputError: it is another network, or the package onnx is not installed.
    """
    onnx = require_package()
    graph, tensor = _Graph(onnx), onnx.helper.make_tensor_value_info
    before, after = model.context
    padded = graph.add("Pad", "keypoints", [0, before, 0, 0, 0, after, 0, 0], mode="edge")
    views = graph.add("Concat", padded, _mirror(graph, padded, layout, channels), axis=0)
    graph.add("Split", _lift(graph, model, variables, views, channels), outputs=("straight", "mirrored"), axis=0)
    both = graph.add("Add", "straight", _mirror(graph, "mirrored", skeleton, 3))
    graph.add("Mul", both, 0.5, outputs=("poses",))
    content = onnx.helper.make_graph(
        graph.nodes,
        "lifter",
        [tensor("keypoints", onnx.TensorProto.FLOAT, ["people", "frames", layout.num_joints, channels])],
        [tensor("poses", onnx.TensorProto.FLOAT, ["people", "frames", skeleton.num_joints, 3])],
        graph.constants,
    )
    operators = [onnx.helper.make_opsetid("", OPERATORS)]
    written = onnx.helper.make_model(content, opset_imports=operators, ir_version=FORMAT, producer_name="jaxpose")
    onnx.helper.set_model_props(written, dict(notes))
    return written


def require_package() -> ModuleType:
    """Import the package that writes ONNX, which jaxpose does not depend on.

    Raises:
      InputError: it is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise InputError("ONNX files require the package onnx: pip install '.[onnx]'") from None
    return onnx


class _Graph:
    """Nodes and constants, in the order in which they are added."""

    def __init__(self, onnx: ModuleType) -> None:
        self.onnx, self.nodes, self.constants = onnx, [], []

    def add(self, operator: str, *inputs: Any, outputs: Sequence[str] = (), **attributes: Any) -> str:
        """Add a node, and return the name of its first output. Inputs that are no names become constants."""
        names, outputs = [self._name(each) for each in inputs], outputs or (f"{operator}_{len(self.nodes)}",)
        self.nodes.append(self.onnx.helper.make_node(operator, names, outputs, **attributes))
        return outputs[0]

    def cut(self, x: str, axis: int, start: int, stop: int = _END) -> str:
        """The indices from start to stop of an axis."""
        return self.add("Slice", x, [start], [stop], [axis])

    def total(self, x: str, *axes: int) -> str:
        """The sum over axes, which are kept with length one."""
        return self.add("ReduceSum", x, [*axes], keepdims=1)

    def _name(self, value: Any) -> str:
        """The name of an input: floating point becomes float32, whole numbers int64."""
        if isinstance(value, str):
            return value
        array, name = np.asarray(value), f"constant_{len(self.constants)}"
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name


def _mirror(graph: _Graph, x: str, skeleton: Skeleton, channels: int) -> str:
    """As `kinematics.mirror`: swap left and right of (B, N, J, C), negate the first coordinate."""
    swapped = graph.add("Gather", x, [*skeleton.mirrored], axis=2)
    return graph.add("Mul", swapped, [-1.0, *[1.0] * (channels - 1)])


def _lift(graph: _Graph, model: Lifter, variables: Variables, keypoints: str, channels: int) -> str:
    """Keypoints (B, N, K, C) to poses (B, N - context, J, 3); raises `InputError` for a network of another kind."""
    if isinstance(model, AimedLifter):
        inner = {name: collection["inner"] for name, collection in variables.items()}
        aimed, axis = _aim(graph, keypoints, channels, model.margin)
        poses = _lift(graph, model.inner, inner, aimed, channels)
        before, after = model.inner.context
        return _turn(graph, poses, graph.cut(axis, 1, before, -after or _END), 1.0)
    if isinstance(model, TemporalModel):
        return _stack(graph, model, variables, keypoints)
    raise InputError(f"ONNX files hold the temporal network, and this is a {type(model).__name__}; write .stablehlo")


def _stack(graph: _Graph, model: TemporalModel, variables: Variables, keypoints: str) -> str:
    """As `TemporalModel` in evaluation: keypoints (B, N, K, C) to poses. Convolutions have time on the last axis."""
    params, statistics = variables["params"], variables["batch_stats"]

    def activate(x: str, layer: str, norm: str, dilation: int = 1) -> str:
        """A convolution, the BatchNorm after it as part of its weights, and ReLU."""
        kernel = np.float64(params[layer]["kernel"])
        kernel = kernel.reshape(-1, *kernel.shape[-2:])  # (width, C, features), width 1 of a 1×1 convolution
        scale = params[norm]["scale"] / np.sqrt(np.float64(statistics[norm]["var"]) + BatchNormReLU.epsilon)
        bias = params[norm]["bias"] - scale * statistics[norm]["mean"]
        x = graph.add("Conv", x, (scale * kernel).transpose(2, 1, 0), bias, dilations=[dilation])
        return graph.add("Relu", x)

    # For as many frames as the context, every layer reads one run of consecutive frames, as for a whole track.
    frames = sum(model.context) + 1
    first, *blocks = receptive_plan(model.filter_widths, frames, causal=model.causal, dense=model.dense)
    x = graph.add("Transpose", graph.add("Reshape", keypoints, [0, 0, -1]), perm=[0, 2, 1])
    x = activate(x, "expand", "expand_norm", first.dilation)
    for block, reading in enumerate(blocks, start=1):
        skipped = reading.residual * reading.dilation
        left = (reading.width - 1) * reading.dilation - skipped
        residual = graph.cut(x, 2, skipped, -left or _END)
        x = activate(x, f"dilated_{block}", f"dilated_norm_{block}", reading.dilation)
        x = activate(x, f"pointwise_{block}", f"pointwise_norm_{block}")
        x = graph.add("Add", residual, x)
    x = graph.add("Conv", x, np.transpose(params["shrink"]["kernel"])[..., None], params["shrink"]["bias"])
    return graph.add("Reshape", graph.add("Transpose", x, perm=[0, 2, 1]), [0, 0, model.num_joints, 3])


def _aim(graph: _Graph, keypoints: str, channels: int, margin: tuple[int, int]) -> tuple[str, str]:
    """As `aimed.aim`; in place of the aimed cameras' orientation, their optical axes (B, n, 1, 3), for `_turn`."""
    add, cut, total = graph.add, graph.cut, graph.total
    (before, after), box = margin, sum(margin)
    one = add("Expand", 1.0, add("Shape", cut(keypoints, 3, 0, 1)))
    weight = cut(keypoints, 3, 2) if channels == 3 else one
    rays = add("Where", add("Greater", weight, 0.0), cut(keypoints, 3, 0, 2), 0.0)
    directions = _unit(graph, add("Concat", rays, one, axis=3))
    sums = total(add("Mul", weight, directions), 2)
    distance = add("Sub", directions, add("Div", sums, add("Max", total(weight, 2), _TINY)))
    squares = total(add("Mul", weight, add("Mul", distance, distance)), 2, 3)

    # Over the box: a convolution of each number on its own, for which they take the place of channels.
    numbers = add("Transpose", add("Concat", total(weight, 2), sums, squares, axis=3), perm=[0, 3, 1, 2])
    numbers = add("Conv", numbers, np.ones((5, 1, box, 1)), group=5)
    numbers = add("Transpose", numbers, perm=[0, 2, 3, 1])
    weights, sums, squares = cut(numbers, 3, 0, 1), cut(numbers, 3, 1, 4), cut(numbers, 3, 4)
    known = add("Greater", weights, 0.0)
    centre = add("Where", known, _unit(graph, sums), FORWARD)
    axis, known_now = cut(centre, 1, 1), cut(known, 1, 1)
    change = add("Sub", axis, cut(centre, 1, 0, -1))
    change = add("Where", add("And", known_now, cut(known, 1, 0, -1)), change, 0.0)
    size = add("Sqrt", add("Max", add("Div", squares, add("Max", weights, _TINY)), LEAST_SIZE**2))
    size = add("Where", known_now, cut(size, 1, 1), 1.0)

    weight, directions = cut(weight, 1, before, -after or _END), cut(directions, 1, before, -after or _END)
    turned = _turn(graph, directions, axis, -1.0)
    picture = add("Div", cut(turned, 3, 0, 2), add("Mul", add("Max", cut(turned, 3, 2), NEAREST), size))
    picture = add("Where", add("Greater", weight, 0.0), picture, 0.0)
    turning = add("Clip", add("Div", cut(_turn(graph, change, axis, -1.0), 3, 0, 2), size), -1.0, 1.0)
    told = cut(add("Concat", add("Log", size), turning, axis=3), 3, 0, channels)
    if channels == 3:
        picture = add("Concat", picture, weight, axis=3)
    return add("Concat", picture, told, axis=2), axis


def _unit(graph: _Graph, x: str) -> str:
    """Vectors (..., 3) of length one; zero stays zero."""
    length = graph.add("Sqrt", graph.total(graph.add("Mul", x, x), 3))
    return graph.add("Div", x, graph.add("Max", length, _TINY))


def _turn(graph: _Graph, points: str, axis: str, direction: float) -> str:
    """Turn points (B, n, K, 3) by the smallest rotation of (0, 0, 1) to unit vectors (B, n, 1, 3); by -1, back.

    With w and z the first two and the last coordinate of the unit vector, and q and p those of a point, turned points
    are (q + w (p - w·q / (1 + z)), z p - w·q): Rodrigues' formula. On the way back, w p and the last w·q change sign.
    z is positive, as a camera sees what is before it.
    """
    add, cut = graph.add, graph.cut
    w, z, q, p = cut(axis, 3, 0, 2), cut(axis, 3, 2), cut(points, 3, 0, 2), cut(points, 3, 2)
    dot = graph.total(add("Mul", w, q), 3)
    along = add("Sub", add("Mul", p, direction), add("Div", dot, add("Add", z, 1.0)))
    depth = add("Sub", add("Mul", z, p), add("Mul", dot, direction))
    return add("Concat", add("Add", q, add("Mul", w, along)), depth, axis=3)
