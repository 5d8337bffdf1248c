"""The tables that plugins and examples of READMEs add to, and how to make them as they were."""

import contextlib

from jaxpose.data.smoothing import SMOOTHERS
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.losses import QUANTITIES
from jaxpose.models.configs import MODELS
from jaxpose.runs.evaluations import EVALUATIONS
from jaxpose.runs.weights import PUBLISHED
from jaxpose.training.config import PRESET_TEXTS, PRESETS
from jaxpose.training.objectives import LOSSES, OBJECTIVES
from jaxpose.training.optimizer import OPTIMIZERS, SCHEDULES
from jaxpose.training.streams import STREAMS

TABLES = (
    EVALUATIONS, LOSSES, MODELS, OBJECTIVES, OPTIMIZERS, PRESETS, PRESET_TEXTS, PUBLISHED, QUANTITIES, SCHEDULES,
    SMOOTHERS, STREAMS, TRANSFORMS,
)  # fmt: skip


@contextlib.contextmanager
def restored_registries():
    """Make the tables as they are now again at the end; yields a function that does it before."""
    before = [dict(table) for table in TABLES]

    def restore():
        for table, content in zip(TABLES, before, strict=True):
            table.clear()
            table.update(content)

    try:
        yield restore
    finally:
        restore()
