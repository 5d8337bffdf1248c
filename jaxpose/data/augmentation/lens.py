"""Hide the focal length of some cameras: the usual one takes its place, as for a video of an unknown camera."""

import functools

import jax
import jax.numpy as jnp

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform, require_poses
from jaxpose.data.track import Description
from jaxpose.data.windows import USUAL_FOCAL_LENGTH, Windows


@functools.cache
def lens(_: Description, ranges: Augmentation) -> Transform:
    """Make the transform that hides the focal length of a share of the cameras, `ranges.unknown_lens`.

    It is the last in `--augment`, which `training.setup.check_names` sees to: keypoints stay what the true camera saw,
    so no transform can follow that projects.
    """

    def transform(key: jax.Array, windows: Windows) -> Windows:
        require_poses(windows, "lens")
        camera = windows.camera
        hidden = jax.random.bernoulli(key, ranges.unknown_lens, windows.mirrored.shape)
        usual = USUAL_FOCAL_LENGTH * jnp.maximum(camera.width, camera.height)
        guessed = camera.intrinsics.at[:, :2].set(usual[:, None])
        return windows.replace(
            camera=camera._replace(intrinsics=jnp.where(hidden[:, None], guessed, camera.intrinsics))
        )

    return transform
