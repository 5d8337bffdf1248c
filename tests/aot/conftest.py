"""Programs for other machines are not kept in the suite's compilation cache."""

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def not_cached():
    """What is compiled for another machine cannot be loaded here: JAX warns of each such entry of its cache."""
    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    yield
    jax.config.update("jax_enable_compilation_cache", before)
