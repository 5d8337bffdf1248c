"""People whom a detector sees: exact windows, and what the augmentations that model its errors make of them."""

import functools

import jax
import numpy as np
from helpers.samples import DESCRIPTION
from scipy import stats

from jaxpose.cameras import Camera
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.data.windows import Windows

DATA = DESCRIPTION._replace(channels=3)
KEY = jax.random.key(5)
BATCH, FRAMES, FOCAL = 600, 24, 2.5
RANGES = Augmentation(
    offset=0.03, jitter=(0.002, 0.04), jitter_correlation=(0.8, 0.8), outliers=0.05, exchange=0.3, unseen=0.6
)
NAMES = ("offsets", "jitter", "outliers", "exchange", "confidence", "unseen")
ZERO = {"offsets": "offset", "outliers": "outliers", "exchange": "exchange", "unseen": "unseen"}


def people(seed=0):
    """Exact keypoints, with confidence 1, of random bodies that turn round the vertical at four metres."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(BATCH, 1, 17, 3)) * 0.4
    angle = random.uniform(0, 6, (BATCH, 1)) + np.linspace(0, 2, FRAMES)
    c, s, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    turn = np.stack([c, zero, s, zero, zero + 1, zero, -s, zero, c], axis=-1).reshape(BATCH, FRAMES, 3, 3)
    positions = np.einsum("bnij,bokj->bnki", turn, body) + np.float64([0, 0, 4])
    keypoints = positions[..., :2] / positions[..., 2:] * FOCAL
    lens = np.tile(np.float32([FOCAL, FOCAL, 0, 0, 0, 0, 0, 0, 0]), (BATCH, 1))
    size = np.full(BATCH, 2.0, np.float32)
    batch = Windows(
        keypoints=np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], axis=-1),
        poses=None,
        visible=np.ones((BATCH, FRAMES), bool),
        sample=np.arange(BATCH),
        mirrored=np.zeros(BATCH, bool),
        root=None,
        positions=positions,
        camera=Camera(np.tile(np.float32([1, 0, 0, 0]), (BATCH, 1)), np.zeros((BATCH, 3)), lens, size, size),
    )
    return jax.tree.map(lambda a: np.asarray(a, np.float32) if a.dtype == np.float64 else a, batch)


PEOPLE = people()


@functools.cache
def compiled(name):
    return jax.jit(lambda key, batch: TRANSFORMS[name](DATA, RANGES)(key, batch).keypoints)


def apply(name, batch=PEOPLE, key=KEY):
    return np.asarray(compiled(name)(key, batch))


@functools.cache
def result(name):
    return apply(name)


def sizes(batch=PEOPLE):
    """Size of each person in the image, in float64."""
    places = np.float64(batch.keypoints[..., :2])
    square = np.square(places - places.mean(axis=2, keepdims=True)).sum(axis=-1)
    return 3.3 * np.sqrt(square.mean(axis=(1, 2)))


def errors(name):
    """Displacement of every keypoint, relative to the person's size: (B, N, K, 2)."""
    return (np.float64(result(name)) - PEOPLE.keypoints)[..., :2] / sizes()[:, None, None, None]


def binomial_agrees(successes, trials, share):
    return stats.binomtest(int(successes), int(trials), share).pvalue > 1e-3
