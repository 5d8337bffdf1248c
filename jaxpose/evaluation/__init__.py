"""Predictions of whole tracks, their errors under a protocol, averages, confidence intervals and tables."""

from typing import Literal

Part = Literal["subject", "camera", "joint"]
"""What tables beside that of the actions are by."""

Format = Literal["md", "tex", "csv", "json"]
"""The files that the tables of an evaluation can be written to."""
