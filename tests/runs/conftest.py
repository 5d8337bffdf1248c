"""The settings of a small run."""

import pytest

from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import Config


@pytest.fixture(scope="module")
def config(prepared):
    """Two epochs of a network of 9 frames and 8 channels."""
    return Config(
        data=str(prepared), train_split="S1", test_split="S9",
        model=TemporalConfig(filter_widths=(3, 3), channels=8), batch_size=32, epochs=2, log_every=2,
    )  # fmt: skip
