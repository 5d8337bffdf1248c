"""Augmentations by name: functions of a random key and a batch of windows, which the compiled training step applies."""

from collections.abc import Callable

from jaxpose.data.augmentation.bodies import body
from jaxpose.data.augmentation.cameras import camera
from jaxpose.data.augmentation.confidence import confidence
from jaxpose.data.augmentation.exchange import exchange
from jaxpose.data.augmentation.jitter import jitter
from jaxpose.data.augmentation.lens import lens
from jaxpose.data.augmentation.mirror import mirror
from jaxpose.data.augmentation.offsets import offsets
from jaxpose.data.augmentation.outliers import outliers
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform
from jaxpose.data.augmentation.unseen import unseen
from jaxpose.data.augmentation.yaw import yaw
from jaxpose.data.track import Description

TRANSFORMS: dict[str, Callable[[Description, Augmentation], Transform]] = {
    "mirror": mirror,
    "yaw": yaw,
    "body": body,
    "camera": camera,
    "offsets": offsets,
    "jitter": jitter,
    "outliers": outliers,
    "exchange": exchange,
    "confidence": confidence,
    "unseen": unseen,
    "lens": lens,
}
"""What makes each transform for a data set and the settings of the augmentations, by the name that users give; raises
`InputError` if the data do not allow it. Equal arguments give the same function: others would compile anew."""
