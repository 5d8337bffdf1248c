"""Tests of the compiler options that only a CPU's compiler takes."""

import jax
import pytest
from jaxpose.runtime.devices import cpu_compiler_options


def test_a_cpu_compiles_with_them() -> None:
    double = jax.jit(lambda number: 2 * number, compiler_options=cpu_compiler_options(1))
    assert cpu_compiler_options(1) == {"xla_backend_optimization_level": 1}
    assert double(3) == 6


@pytest.mark.parametrize("backend", ["gpu", "tpu"])
def test_other_compilers_are_given_none(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert cpu_compiler_options(1) == {}
