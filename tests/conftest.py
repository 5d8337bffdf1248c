"""What every test shares: the CPU, repeatable hypothesis examples, and float64 on request."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before jax is imported; the suite never needs an accelerator

import jax
import pytest
from hypothesis import settings

settings.register_profile("jaxpose", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("jaxpose")


@pytest.fixture
def x64():
    """Run one test in float64, for comparisons with float64 oracles and finite differences."""
    with jax.enable_x64(True):
        yield
