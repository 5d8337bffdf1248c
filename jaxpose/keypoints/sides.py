"""Left and right that a detector exchanged for runs of frames, found where exchanging back makes motion continuous.

The difference of a left and its right keypoint changes its sign when the two are exchanged: it jumps by twice its
length. Where legs really cross, it passes through zero at a nearly constant velocity. Of all sequences of states (which
parts of the body are exchanged in each frame) that of least cost is found by dynamic programming (Viterbi 1967).
"""

import numpy as np

from jaxpose.keypoints.gaps import person_size
from jaxpose.skeleton import Skeleton

_PARTS = {
    "hips": ("hip",),
    "knees": ("knee",),
    "feet": ("ankle", "heel", "toe", "foot"),
    "shoulders": ("shoulder",),
    "elbows": ("elbow",),
    "hands": ("wrist", "hand", "thumb", "index", "pinky"),
}
"""The words that tell the parts by a joint's name; the first part counts, so "foot_index" is of the feet."""

_STATES = {
    "nothing": (),
    "legs below the hips": ("knees", "feet"),
    "legs": ("hips", "knees", "feet"),
    "arms below the shoulders": ("elbows", "hands"),
    "arms": ("shoulders", "elbows", "hands"),
    "all": tuple(_PARTS),
}
"""The parts that are exchanged together; the face goes with all of them."""

_EXCHANGED = np.array([[part in parts for part in _PARTS] for parts in _STATES.values()], np.int64)  # (S, P)
_HIPS, _SHOULDERS = list(_PARTS).index("hips"), list(_PARTS).index("shoulders")
_BELOW = np.array([_EXCHANGED[s, [_HIPS, _SHOULDERS]].sum() == 0 and s > 0 for s in range(len(_STATES))])

# Chosen on motion of three CMU subjects with exchanges made at random; the rates that the room's README gives are those
# of the other subjects.
_PART_WEIGHT = 0.6
_CHANGE_COST = 3.0  # of a change of state: a residual e times as large in one part and frame costs 1.2
_PER_FRAME_COST = 0.003  # of each part that is exchanged: of two equal readings, that with fewer exchanges is taken
_BELOW_COST = 0.1  # of a frame in which hips or shoulders are right and what is below them is not
_TWIST_WEIGHT = 0.08  # of hips and shoulders that contradict each other
_HIP_WIDTH = 0.6  # relative to the shoulders, as detectors place them
_NOISE = 0.01  # of the person's size: smaller residuals do not count
_BLOCK = 1024  # frames whose costs are in memory at a time


def find_exchanges(keypoints: np.ndarray, seen: np.ndarray, layout: Skeleton) -> np.ndarray:
    """Find the keypoints that a detector exchanged with their mirror images.

    The cost of a sequence of states is the sum over frames of

    - log(1 + (residual / noise)²) for each part, the mean of its pairs. The residual is how far the difference of left
      and right is from its last value, continued at constant velocity (held after a gap, and then of less weight); the
      noise is the median residual, at least 1 % of the person's size;
    - the same for the difference of the hips against that of the shoulders, with a small weight: a trunk is not turned
      by 180°;
    - a constant for a change of state, which a single blunder does not reach, also where legs or arms alone are
      exchanged at an end of the clip; and small ones for exchanges that last.

    If all is exchanged for a part of the clip, what is there for most of it is taken for right. About 40 µs a frame.

    Args:
      keypoints: (T, K, 2 or more) pixels, in frames of equal distances; those that are not seen may be NaN.
      seen: (T, K) bool.
      layout: of the keypoints; names tell which belong to legs and arms, and without such names nothing is found.

    Returns:
      (T, K) bool, the keypoints that are exchanged, for `exchange_back`. The same for keypoints that are translated or
      scaled.
    """
    parts = _pairs(layout)
    exchanged = np.zeros(seen.shape, bool)
    if len(keypoints) < 3 or not any(parts) or not seen.any():
        return exchanged
    xy = np.where(seen[..., None], keypoints[..., :2], 0).astype(np.float64)
    noise = max(_NOISE * person_size(xy, seen), np.finfo(np.float32).tiny)
    costs = _PART_WEIGHT * np.stack([_part_costs(xy, seen, pairs, noise) for pairs in parts], axis=1)
    states = _cheapest_states(costs, _twist_costs(xy, seen, parts, noise))
    sided = np.array([*layout.left, *layout.right])
    exchanged[:, sided] = _EXCHANGED[states].all(axis=1, keepdims=True)
    for part, pairs in enumerate(parts):
        exchanged[:, [joint for pair in pairs for joint in pair]] = _EXCHANGED[states, part, None] == 1
    return exchanged


def exchange_back(keypoints: np.ndarray, exchanged: np.ndarray, layout: Skeleton) -> np.ndarray:
    """Keypoints (T, K, C) in which those that are `exchanged` (T, K) have the values of their mirror images."""
    return np.where(exchanged[..., None], keypoints[:, list(layout.mirrored)], keypoints)


def _pairs(layout: Skeleton) -> list[list[tuple[int, int]]]:
    """The left and right joints of each part."""
    pairs: dict[str, list[tuple[int, int]]] = {part: [] for part in _PARTS}
    for left, right in zip(layout.left, layout.right, strict=True):
        parts = (part for part, words in _PARTS.items() if any(word in layout.joints[left].lower() for word in words))
        if (part := next(parts, None)) is not None:
            pairs[part].append((left, right))
    return list(pairs.values())


def _part_costs(xy: np.ndarray, seen: np.ndarray, pairs: list[tuple[int, int]], noise: float) -> np.ndarray:
    """Costs (T, 2, 2) of a part in each frame, if it was exchanged against one frame before, and against two."""
    frames = len(xy)
    if not pairs:
        return np.zeros((frames, 2, 2))
    left, right = np.transpose(pairs)
    both = seen[:, left] & seen[:, right]  # (T, P)
    last = np.maximum.accumulate(np.where(both, np.arange(frames)[:, None], -1), axis=0)  # frame when last seen
    held = np.take_along_axis(xy[:, left] - xy[:, right], np.maximum(last, 0)[..., None], axis=0)
    before, earlier = _delayed(held, 1), _delayed(held, 2)
    moving = (both & _delayed(both, 1) & _delayed(both, 2) & (np.arange(frames)[:, None] >= 2))[..., None]
    since = np.arange(frames)[:, None] - _delayed(last, 1)
    weight = both * (_delayed(last, 1) >= 0) / np.maximum(since, 1)  # zero in the first frame in which it is seen
    weight[0] = 0
    signs = np.array([1, -1])
    carried = signs[:, None] * before[..., None, None] * (1 + moving[..., None, None])
    carried = carried - signs * (earlier * moving)[..., None, None]  # (T, P, 2, one frame before, two before)
    residuals = np.sqrt(np.square(held[..., None, None] - carried).sum(axis=2))
    if weight.any():
        noise = max(noise, float(np.median(residuals[..., 0, 0][weight > 0])))
    return (weight[..., None, None] * np.log1p((residuals / noise) ** 2)).mean(axis=1)


def _twist_costs(xy: np.ndarray, seen: np.ndarray, parts: list[list[tuple[int, int]]], noise: float) -> np.ndarray:
    """Costs (T, 2) of hips and shoulders as they are, and of one of them exchanged."""
    if not parts[_HIPS] or not parts[_SHOULDERS]:
        return np.zeros((len(xy), 2))
    (left_hip, right_hip), (left_shoulder, right_shoulder) = parts[_HIPS][0], parts[_SHOULDERS][0]
    known = seen[:, [left_hip, right_hip, left_shoulder, right_shoulder]].all(axis=1)
    hips, shoulders = xy[:, left_hip] - xy[:, right_hip], xy[:, left_shoulder] - xy[:, right_shoulder]
    residuals = np.hypot(*np.stack([hips - sign * _HIP_WIDTH * shoulders for sign in (1, -1)], axis=1).T).T
    return _TWIST_WEIGHT * known[:, None] * np.log1p((residuals / noise) ** 2)


def _delayed(values: np.ndarray, frames: int) -> np.ndarray:
    """Values (T, …) as they were some frames before; the first ones are held."""
    return values[np.maximum(np.arange(len(values)) - frames, 0)]


def _cheapest_states(costs: np.ndarray, twist: np.ndarray) -> np.ndarray:
    """The sequence of states (T,) of least cost, given costs of parts (T, P, 2, 2), of a twisted trunk (T, 2)."""
    frames, count = len(costs), len(_EXCHANGED)
    two_before, before, now = np.ix_(*3 * [np.arange(count)])
    cases = np.stack([2 * (part[now] ^ part[before]) + (part[now] ^ part[two_before]) for part in _EXCHANGED.T])
    chosen = (cases[:, None] == np.arange(4)[:, None, None, None]).reshape(-1, count**3).astype(np.float64)
    change = _CHANGE_COST * (before != now)
    staying = twist[:, _EXCHANGED[:, _HIPS] ^ _EXCHANGED[:, _SHOULDERS]]
    staying = staying + _PER_FRAME_COST * _EXCHANGED.sum(axis=1) + _BELOW_COST * _BELOW
    partly = _CHANGE_COST * ~np.isin(_EXCHANGED.sum(axis=1), (0, len(_PARTS)))  # as if a change at the clip's ends
    least = np.where(np.eye(count, dtype=bool), staying[0] + partly, np.inf)  # by the states one frame before and now
    came_from = np.zeros((frames, count, count), np.int8)
    for start in range(1, frames, _BLOCK):
        block = slice(start, start + _BLOCK)
        steps = (costs[block].reshape(-1, len(chosen)) @ chosen).reshape(-1, count, count, count)
        for frame, step in enumerate(steps + change + staying[block, None, None], start):
            total = least[..., None] + step
            came_from[frame] = total.argmin(axis=0)
            least = total.min(axis=0)
    states = np.zeros(frames, np.int64)
    earlier, states[-1] = np.unravel_index((least + partly).argmin(), least.shape)
    for frame in range(frames - 1, 0, -1):
        states[frame - 1] = earlier
        earlier = came_from[frame, earlier, states[frame]]
    return states
