"""Name the recordings of a prepared data set that look as if they were read at too high a frame rate."""

from collections.abc import Mapping
from pathlib import Path

from data_prep.checks.quality import CHECKS, TOO_FAST, Finding, pace
from jaxpose.data import store
from jaxpose.runtime.words import listed

_MAX_NAMES = 5  # of a split


def too_fast(data: Path) -> list[str]:
    """Name the recordings that are too fast to have been captured at the frame rate at which they were read.

    Args:
      data: folder of the prepared data set.

    Returns:
      A line for each split that has some.
    """
    lines = []
    description = store.read_description(data)
    for split in description.splits:
        recordings = {track.action: track for track in store.read_tracks(data, split)[1]}  # one view of each
        suspects = [
            f"{action} ({', '.join(f'{CHECKS[quantity].title} {value:.3g}' for quantity, value in beyond.items())})"
            for action, track in recordings.items()
            if (beyond := _beyond_limits(pace(track, description.skeleton)))
        ]
        if suspects:
            lines.append(
                f"too fast in {split}, {len(suspects)} of {len(recordings)} recordings, perhaps captured at a lower "
                f"frame rate (--capture-fps): {listed(suspects, _MAX_NAMES)}"
            )
    return lines


def _beyond_limits(findings: Mapping[str, Finding]) -> dict[str, float]:
    values = {quantity: findings[quantity].value for quantity in TOO_FAST if quantity in findings}
    return {quantity: value for quantity, value in values.items() if value > CHECKS[quantity].limit}
