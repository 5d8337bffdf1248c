"""A training run: its folder, log and checkpoints, the job that fills it, and the trained model read back."""

from typing import Literal

Which = Literal["last", "best"]
"""The last checkpoint, or the one with the smallest error on the validation split."""

FloatType = Literal["float16", "float32"]
"""Types in which a lifter file may have the matrices of a network."""
