"""Programs for other machines are not kept in the suite's compilation cache."""

import jax
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache


@pytest.fixture(scope="module", autouse=True)
def not_cached():
    """What is compiled for another machine cannot be loaded here: JAX warns of each such entry of its cache."""
    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    reset_cache()  # JAX asks the setting once in a process
    yield
    jax.config.update("jax_enable_compilation_cache", before)
    reset_cache()
