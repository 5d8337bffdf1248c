"""The ranges from which augmentations draw: one frozen dataclass that validates itself."""

import dataclasses

from jaxpose.runtime.settings import check_types, require


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges from which augmentations draw; those that `--augment` does not name are not used."""

    camera_pitch: tuple[float, float] = (-20.0, 45.0)
    """Augmentation camera: degrees by which the line from the camera to the person points down, least and most."""
    camera_roll: float = 25.0
    """Augmentation camera: degrees by which a camera is tilted sideways at most; small tilts are likelier."""
    camera_distance: tuple[float, float] = (2.0, 12.0)
    """Augmentation camera: metres from the camera to the person."""
    focal_length: tuple[float, float] = (0.6, 3.0)
    """Augmentation camera: focal length, in widths of the image."""
    person_size: tuple[float, float] = (0.15, 1.2)
    """Augmentation camera: size of a standing person, in heights of the image, as far as the focal length allows."""
    body_size: float = 0.03
    """Augmentation body: standard deviation of a person's size, as a share."""
    bone_length: float = 0.06
    """Augmentation body: standard deviation of the length of each bone, as a share; left and right alike."""
    offset: float = 0.02
    """Augmentation offsets: standard deviation of the place of a keypoint on the body, in metres along each axis."""
    jitter: tuple[float, float] = (0.0005, 0.03)
    """Augmentation jitter: standard deviation of the noise of the least and the most exact detector, relative to the
    size of the person in the image."""
    jitter_correlation: tuple[float, float] = (0.0, 0.98)
    """Augmentation jitter: correlation of the noise of consecutive frames, least and most."""
    outliers: float = 0.01
    """Augmentation outliers: share of the keypoints that are somewhere else."""
    exchange: float = 0.15
    """Augmentation exchange: share of the windows in which a detector takes left for right for some frames."""
    unseen: float = 0.5
    """Augmentation unseen: share of the windows in which some keypoints are not seen for some frames."""
    unknown_lens: float = 0.5
    """Augmentation lens: share of the windows whose network is not told the camera's focal length."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a range that cannot be used."""
        check_types(self)
        for field in ("camera_pitch", "camera_distance", "focal_length", "person_size", "jitter", "jitter_correlation"):
            low, high = getattr(self, field)
            require(self, low <= high, field, "two numbers, the first not above the second")
        require(
            self, self.camera_pitch[0] > -90 and self.camera_pitch[1] < 90, "camera_pitch", "above -90 and below 90"
        )
        require(self, 0 <= self.camera_roll <= 180, "camera_roll", "from 0 to 180")
        for field in ("camera_distance", "focal_length", "person_size"):
            require(self, getattr(self, field)[0] > 0 and getattr(self, field)[1] < float("inf"), field, "above 0")
        for field in ("body_size", "bone_length", "offset"):
            require(self, 0 <= getattr(self, field) < 0.3, field, "at least 0 and below 0.3")
        require(self, self.jitter[0] >= 0 and self.jitter[1] < 1, "jitter", "from 0 to below 1")
        in_range = self.jitter_correlation[0] >= 0 and self.jitter_correlation[1] < 1
        require(self, in_range, "jitter_correlation", "from 0 to below 1")
        for field in ("outliers", "exchange", "unseen", "unknown_lens"):
            require(self, 0 <= getattr(self, field) <= 1, field, "from 0 to 1")
