"""The precision that a machine computes in: float32 where a CPU would only imitate products of bfloat16."""

import dataclasses
import os
import re
from pathlib import Path

import jax

from jaxpose.training.config import Config

FALLBACK = (
    "This CPU has no instructions for products of bfloat16 (AVX-512 BF16, AMX), which would be slower than those of "
    "float32: float32 is used. The settings of the run keep bfloat16, for other machines."
)
"""What is said where `supported` changes the settings."""


def supported(config: Config) -> Config:
    """The settings as this machine computes them: with float32 in place of bfloat16 on a CPU that has none.

    The choice depends on the kind of CPU and on XLA_FLAGS, not on a measurement: a run that is resumed on a machine of
    the same kind has the same bits.
    """
    if config.model.precision != "bfloat16" or jax.default_backend() != "cpu" or cpu_has_bfloat16():
        return config
    return dataclasses.replace(config, model=dataclasses.replace(config.model, precision="float32"))


def cpu_has_bfloat16() -> bool:
    """Whether XLA multiplies bfloat16 by instructions of this CPU; False where Linux does not say that it has them."""
    try:
        described = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return multiplies_bfloat16(described, os.environ.get("XLA_FLAGS", ""))


def multiplies_bfloat16(cpuinfo: str, xla_flags: str) -> bool:
    """Whether a CPU multiplies bfloat16 in XLA.

    Args:
      cpuinfo: what Linux says of it, /proc/cpuinfo.
      xla_flags: which may restrict its instructions (--xla_cpu_max_isa).
    """
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    restricted = re.findall(r"--xla_cpu_max_isa=(\w+)", xla_flags)
    allowed = not restricted or restricted[-1].upper().startswith(("AVX512_BF16", "AMX"))
    return allowed and flags is not None and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags[1].split())
