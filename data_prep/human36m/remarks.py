"""Describe Human3.6M's files to a user: an inventory, and remarks on what a data set leaves out."""

from collections.abc import Sequence
from pathlib import Path

import rich.table

from data_prep.human36m.builder import Config
from data_prep.human36m.mocap_files import Inventory
from data_prep.human36m.npz import Recording, read_keypoints, recording_name
from jaxpose.data import store
from jaxpose.runtime.words import listed


def inventory_table(inventory: Inventory) -> rich.table.Table:
    """Make the table of subjects to print: their recordings, those missing, and where they are."""
    table = rich.table.Table("subject", "recordings", "missing", "in")
    for subject, files in inventory.files.items():
        missing = inventory.missing.get(subject, ())
        folders = dict.fromkeys(
            str(file.container if file.member else file.container.parent) for file in files.values()
        )
        table.add_row(subject, str(len(files)), ", ".join(missing) or "none", ", ".join(folders))
    return table


def describe_keypoints(config: Config, path: Path | None) -> str:
    """Describe a source of keypoints in a line; `path` is None for projected joints."""
    if path is None:
        return f"{config.name}: projected joints"
    views = read_keypoints(path).views
    subjects = ", ".join(dict.fromkeys(subject for subject, _ in views))
    layout = f"{config.layout.name}, {config.channels} channels"
    return f"{config.name}: {len(views)} recordings of {subjects}; layout {layout}"


def excluded_recordings(inventory: Inventory, recordings: Sequence[Recording]) -> list[str]:
    """Remark on the recordings that are excluded as in published evaluations."""
    existing = [recording_name((s, a)) for s, a in recordings if a in inventory.files.get(s, ())]
    text = "left out, as in published evaluations"
    return [f"{text}: {', '.join(existing)} (--s11-directions all keeps it)"] if existing else []


def unused_keypoints(folder: Path, path: Path | None) -> list[str]:
    """Remark on the keypoints of a file that were not used, by a comparison with the data set that was written.

    Args:
      folder: of the prepared data set.
      path: of the keypoints; None for projected joints.
    """
    if path is None:
        return []
    views = read_keypoints(path).views
    written = {(track.subject, track.action): len(track.keypoints_2d) for track in store.read_tracks(folder, "all")[1]}
    without_poses = [recording_name(recording) for recording in sorted(views) if recording not in written]
    longer = {r: frames - written[r] for r in written if (frames := max(map(len, views[r]))) > written[r]}
    cut = [f"{recording_name(r)} by {longer[r]}" for r in sorted(longer, key=longer.__getitem__, reverse=True)]
    remarks = {
        "left out, keypoints without poses": without_poses,
        "keypoints cut to the frames that have poses": cut,
    }
    return [f"{text}: {listed(names)}" for text, names in remarks.items() if names]
