"""Measure the preparation of CMU motion capture: AMC frames per second of one core, by stage.

    python -m experiments.benchmarks.amc [SOURCE] [--out amc.json]

SOURCE is that of `data_prep.cmu`; without it, a random clip is made. Files are in memory, and nothing is written. Every
stage runs twice, and the second is reported: the first compiles. Seconds are processor time of all threads.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from data_prep import cmu
from data_prep.cameras.virtual import move_to_centre, virtual_tracks
from data_prep.formats import amc, asf, cmu_joints
from data_prep.formats.archives import members
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.resampling import resample
from jaxpose.data.track import Track
from jaxpose.files.atomic import atomic_write_text
from jaxpose.skeleton import CMU_31

FPS = 50.0
Clip = tuple[bytes, bytes]
"""The contents of an ASF and of an AMC file."""


def main(
    source: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="SOURCE")] = None,
    frames: int = 20_000,
    out: Path | None = None,
) -> None:
    """Measure and print.

    Args:
      source: Folder or archive of ASF and AMC files; by default a random clip is made.
      frames: Of that clip.
      out: JSON file for the same numbers.
    """
    jax.config.update("jax_platforms", "cpu")  # as the command does
    clips = list(stored(source)) if source else [random_clip(frames)]
    total, first = prepare(clips)
    _, seconds = prepare(clips)
    seconds["all"] = sum(seconds.values())
    table = Table("stage", "seconds", "frames per second", title=f"{total} AMC frames in {len(clips)} clips")
    for stage, spent in seconds.items():
        table.add_row(stage, f"{spent:.2f}", f"{total / spent:,.0f}")
    compiling = sum(first.values()) - seconds["all"]
    Console().print(table, f"and once {compiling:.1f} s to compile")
    if out:
        atomic_write_text(
            out, json.dumps({"frames": total, "seconds": seconds, "compiling": compiling}, indent=2) + "\n"
        )


def prepare(clips: list[Clip]) -> tuple[int, dict[str, float]]:
    """Return the number of AMC frames of the clips, and the seconds of each stage for all of them."""
    seconds = dict.fromkeys(("read", "forward kinematics", "resample", "four noisy views"), 0.0)

    def timed(stage: str, work: Callable, *arguments: Any) -> Any:
        began = time.process_time()
        result = work(*arguments)
        seconds[stage] += time.process_time() - began
        return result

    frames = 0
    for number, (skeleton_file, motion_file) in enumerate(clips):
        skeleton = asf.read(skeleton_file, "ASF")
        motion = timed("read", amc.read, motion_file, "AMC", skeleton)
        captured = timed("forward kinematics", cmu_joints.world_17, skeleton, motion)
        world = timed("resample", resample, captured, cmu.CAPTURE_FPS, FPS).astype(np.float32)
        timed("four noisy views", views, f"clip {number}", world)
        frames += len(motion)
    return frames, seconds


def views(action: str, world: np.ndarray) -> list[Track]:
    """Return the tracks of a clip."""
    return list(virtual_tracks("S1", action, move_to_centre(world), FPS, H36M_CAMERAS["S1"], 0))


def stored(source: Path) -> Iterator[Clip]:
    """Yield all trials of a folder or an archive."""
    subjects, _ = cmu.find_subjects(source)
    files = {path for subject in subjects.values() for path in (subject.skeleton, *subject.trials.values())}
    contents = {member.path: member.read() for member in members(source) if member.path in files}
    for subject in subjects.values():
        for path in subject.trials.values():
            yield contents[subject.skeleton], contents[path]


def random_clip(frames: int) -> Clip:
    """Make a clip of a body with CMU's bones and, as in CMU's files, 62 numbers in a frame, a random walk each."""
    random = np.random.default_rng(0)
    skeleton = [":units length 0.45 angle deg", ":root order TX TY TZ RX RY RZ axis XYZ position 0 0 0"]
    skeleton += ["orientation 0 0 0", ":bonedata"]
    moving = CMU_31.joints[1:-2]
    for bone in CMU_31.joints[1:]:
        direction = " ".join(f"{number:.6g}" for number in random.normal(size=3) / np.sqrt(3))
        dof = "dof rx ry" if bone in moving else ""
        skeleton.append(f"begin name {bone} direction {direction} length 3 axis 10 20 30 XYZ {dof} end")
    tree = [f"{CMU_31.joints[parent]} {CMU_31.joints[child]}" for parent, child in CMU_31.bones]
    skeleton += [":hierarchy", "begin", *tree, "end"]
    angles = np.cumsum(random.normal(size=(frames, len(moving), 2)), axis=0) / 10
    motion = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(frames):
        lines = (f"{bone} {rx:.6g} {ry:.6g}" for bone, (rx, ry) in zip(moving, angles[frame], strict=True))
        motion += [str(frame + 1), "root 0.1234 16.1234 0.1234 0.1234 90.1234 0.1234", *lines]
    return "\n".join(skeleton).encode(), "\n".join(motion).encode()


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.amc")
