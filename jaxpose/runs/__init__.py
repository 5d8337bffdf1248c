"""A run: its folder, its log and checkpoints, the job that fills it, the trained model opened."""

from typing import Literal

Which = Literal["last", "best"]
"""The checkpoint of a run: the last one saved, or the best one by the validation error."""
