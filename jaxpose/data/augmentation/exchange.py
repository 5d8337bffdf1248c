"""A 2D detector takes left for right."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.augmentation.detection import identity, keypoint_kind, runs
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.skeleton import Skeleton

ALL, LEGS, ARMS, PAIR = 0.4, 0.3, 0.15, 0.15
"""How often a detector exchanges the whole body, the legs, the arms, or one pair of keypoints."""

WHOLE, EDGE = 0.3, 0.3
"""How often it does so through the whole window, or from some frame to its end or up to some frame."""


@functools.cache
def exchange(description: Description, ranges: Augmentation) -> Transform:
    """Make the transform that exchanges left and right keypoints in a share `ranges.exchange` of the windows.

    It exchanges them for a run of frames (`detection.runs`), and confidences with them: of all pairs; of hips, knees
    and ankles; of elbows and wrists; or of one pair.
    """
    if ranges.exchange == 0 or not description.layout.left:
        return identity
    groups, shares = pairs_exchanged(description.layout)
    mirrored = jnp.asarray(description.layout.mirrored)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        batch, frames = windows.keypoints.shape[:2]
        keys = jax.random.split(key, 3)
        chosen = jax.random.bernoulli(keys[0], ranges.exchange, (batch, 1))
        group = jax.random.choice(keys[1], len(groups), (batch,), p=jnp.asarray(shares))
        when = runs(keys[2], (batch,), frames, whole=WHOLE, edge=EDGE) & chosen
        where = when[:, :, None] & jnp.asarray(groups)[group][:, None]
        exchanged = windows.keypoints[:, :, mirrored]
        return windows.replace(keypoints=jnp.where(where[..., None], exchanged, windows.keypoints))

    return transform


def pairs_exchanged(layout: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Groups of keypoints that are exchanged together, (G, K) bool, and the probability of each, (G,)."""
    kinds = np.asarray([keypoint_kind(name) for name in layout.joints])
    paired = np.isin(np.arange(layout.num_joints), layout.left + layout.right)
    pairs = np.zeros((len(layout.left), layout.num_joints), bool)
    pairs[np.arange(len(pairs)), layout.left] = pairs[np.arange(len(pairs)), layout.right] = True
    legs, arms = np.isin(kinds, ("hip", "knee", "ankle")), np.isin(kinds, ("elbow", "wrist"))
    groups = np.stack([paired, paired & legs, paired & arms, *pairs])
    shares = np.asarray([ALL, LEGS, ARMS, *[PAIR / len(pairs)] * len(pairs)]) * groups.any(axis=1)
    return groups, np.float32(shares / shares.sum())
