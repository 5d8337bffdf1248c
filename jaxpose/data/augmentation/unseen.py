"""Keypoints that a 2D detector does not see: hidden ones, and those outside the image."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.augmentation.detection import identity, keypoint_kind, person_size, runs
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.skeleton import Skeleton

EVENTS, FURTHER = 3, 0.4
"""Times that keypoints are hidden in a window at most; the probability of each after the first, where there is one."""

SINGLE, LIMB, FACE, LEGS, SIDE, LOWER, PERSON = 0.35, 0.2, 0.12, 0.1, 0.08, 0.1, 0.05
"""How often it is one keypoint, an arm or a leg, the face, both legs, one side, the lower half, or the whole person."""

WHOLE, EDGE, BLINK = 0.35, 0.15, 5
"""How often it is through the whole window, or up to its edge; and the frames that all of a person is lost at most."""

GUESSED, GUESS_SPREAD, GUESS_CONFIDENCE = 0.3, 0.1, (0.05, 0.4)
"""Share of the windows in which a detector guesses what it does not see; how far off along x and y, relative to the
person's size; what that does to the confidence."""

OUTSIDE_KEPT = 0.25
"""Share of the windows in which a detector finds what is outside the image, with such a confidence."""

LEAST_SEEN = 4
"""Keypoints of trunk and limbs that are seen in the middle frame of a window."""


@functools.cache
def unseen(description: Description, ranges: Augmentation) -> Transform:
    """Make the transform that hides keypoints: their confidence and their place become 0.

    In a share `ranges.unseen` of the windows some are hidden, by groups of the body (`groups_hidden`) and for runs of
    frames (`detection.runs`), up to `EVENTS` times. In a share `GUESSED` of these windows the detector guesses instead:
    they move by a constant distance and have a low confidence. Keypoints outside the image are hidden in all windows,
    except for a share `OUTSIDE_KEPT`, where they have a low confidence.

    In the middle frame at least `LEAST_SEEN` keypoints of trunk and limbs stay as they are, if there were as many: what
    would leave fewer does not happen; where too few are inside the image, those outside have a low confidence. In data
    without a confidence, what is not seen can be known by its place alone.
    """
    if ranges.unseen == 0:
        return identity
    groups, shares = groups_hidden(description.layout)
    body = jnp.asarray([keypoint_kind(name) not in _FACE for name in description.layout.joints])
    persons = groups.all(axis=1)

    def transform(key: jax.Array, windows: Windows) -> Windows:
        batch, frames, count = windows.keypoints.shape[:3]
        middle, shape = frames // 2, (batch, EVENTS)
        keys = jax.random.split(key, 7)
        place = windows.keypoints[..., :2]
        outside = _outside(windows)
        kept, guessed, happens = jnp.split(jax.random.uniform(keys[0], (batch, 2 + EVENTS)), (1, 2), axis=1)
        chance = ranges.unseen * np.where(np.arange(EVENTS) > 0, FURTHER, 1)
        event = (happens < chance) & (happens[:, :1] < ranges.unseen)

        enough = jnp.sum(body & ~outside[:, middle], axis=-1, keepdims=True) >= LEAST_SEEN
        kept = (kept < OUTSIDE_KEPT) | ~enough
        group = jax.random.choice(keys[1], len(groups), shape, p=jnp.asarray(shares))
        who = jnp.asarray(groups)[group]
        when = jnp.where(
            jnp.asarray(persons)[group][..., None],
            runs(keys[2], shape, frames, whole=0, edge=0, longest=BLINK),
            runs(keys[3], shape, frames, whole=WHOLE, edge=EDGE),
        )
        lost = outside[:, middle] & ~kept
        hides = []
        for index in range(EVENTS):
            more = lost | (who[:, index] & when[:, index, middle, None] & event[:, index, None])
            happens_at_all = event[:, index] & (jnp.sum(body & ~more, axis=-1) >= LEAST_SEEN)
            hides.append(happens_at_all)
            lost = jnp.where(happens_at_all[:, None], more, lost)
        acts = (who & jnp.stack(hides, axis=1)[..., None]).astype(jnp.float32)
        hidden = jnp.einsum("ben,bek->bnk", when.astype(jnp.float32), acts) > 0

        kept, guessed = kept[..., None], guessed[..., None] < GUESSED
        gone = (hidden & ~guessed) | (outside & ~kept)
        doubtful = (hidden & guessed) | (outside & kept)
        spread = GUESS_SPREAD * person_size(place)[:, None, None]
        wrong = spread * jax.random.normal(keys[4], (batch, count, 2))
        moved_place = jnp.where((hidden & guessed)[..., None], place + wrong[:, None], place)
        doubt = jax.random.uniform(keys[5], (batch, 1, count), minval=GUESS_CONFIDENCE[0], maxval=GUESS_CONFIDENCE[1])
        given = windows.keypoints[..., 2:] * jnp.where(doubtful, doubt, 1)[..., None]
        found = jnp.concatenate([moved_place, given], axis=-1)
        return windows.replace(keypoints=jnp.where(gone[..., None], 0, found))

    return transform


_FACE = ("nose", "eye", "ear", "head", "neck")


def groups_hidden(layout: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Groups of keypoints that are hidden together, (G, K) bool, and the probability of each, (G,)."""
    kinds = np.asarray([keypoint_kind(name) for name in layout.joints])
    sides = [np.isin(np.arange(layout.num_joints), side) for side in (layout.left, layout.right)]
    face, arm, leg = (np.isin(kinds, names) for names in (_FACE, ("elbow", "wrist"), ("knee", "ankle")))
    lower = np.isin(kinds, ("hip", "knee", "ankle", "pelvis"))
    weighted = (
        (SINGLE, list(np.eye(layout.num_joints, dtype=bool))),
        (LIMB, [limb & side for limb in (arm, leg) for side in sides]),
        (FACE, [face]),
        (LEGS, [leg]),
        (SIDE, sides),
        (LOWER, [lower]),
        (PERSON, [np.ones(layout.num_joints, bool)]),
    )
    groups = np.stack([group for _, kind in weighted for group in kind])
    shares = np.asarray([share / len(kind) for share, kind in weighted for _ in kind]) * groups.any(axis=1)
    return groups, np.float32(shares / shares.sum())


def _outside(windows: Windows) -> jax.Array:
    """True for keypoints outside the image, (B, N, K); false if the camera is not known."""
    if windows.camera is None:
        return jnp.zeros(windows.keypoints.shape[:3], bool)
    edge = jnp.stack([windows.camera.width, windows.camera.height], axis=-1) / 2
    return (jnp.abs(windows.keypoints[..., :2]) > edge[:, None, None]).any(axis=-1)
