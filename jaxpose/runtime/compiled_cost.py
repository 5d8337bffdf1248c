"""Cost of a compiled JAX program, as XLA counts and plans it; nothing is run."""

import jax


def multiply_adds(program: jax.stages.Compiled | jax.stages.Lowered) -> float:
    """Multiply-adds of a program: half of the floating point operations that XLA counts.

    XLA counts the body of a loop once, and nothing for the products that a GPU's libraries compute.

    Args:
      program: `jax.jit(function).lower(...)`, before optimisation, or its `.compile()`, after it.

    Returns:
      Multiply-adds of one call.
    """
    return program.cost_analysis()["flops"] / 2


def temporary_bytes(program: jax.stages.Compiled) -> int:
    """Peak memory in bytes of a program's temporaries: without its arguments, results and constants."""
    return program.memory_analysis().temp_size_in_bytes
