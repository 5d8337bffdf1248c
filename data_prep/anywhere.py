"""Prepare training data for lifters of anybody's video: CMU motion capture, and synthetic sitting.

    jaxpose prepare anywhere allasfamc.zip --out DIR

The keypoints are COCO's with a confidence, which most detectors give; the poses are of body_22: Human3.6M's 17 joints,
and nose, eyes and ears. Read `jaxpose prepare cmu --help` for how they are made of CMU's files.

Each clip is seen by one camera, as training draws cameras of its own (--cameras for more). Trials with jumps of single
frames are left out. Subjects 60 and 61, salsa, are read at 60 frames per second: at 120 each foot would step 2.1 times
a second, and as it steps three times in eight beats, the music would have 340 beats a minute; at 60 it has 170.

In CMU's trials hardly anybody sits, and nobody telephones. The splits X1, X5, … are the people of the built-in data,
who do: SYNTHETIC motion, made by rules, whose actions are named so ("synthetic Sitting 1"). Errors on them say nothing
about real people.
"""

import dataclasses
import functools
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import tyro

from data_prep import cmu
from data_prep.writer.command import Output, check_options, prepare
from data_prep.writer.source import Source, SplitSize
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed
from jaxpose.skeleton import BODY_22, H36M_17

if TYPE_CHECKING:  # `--help` answers without JAX
    from jaxpose.cameras import Camera


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare anywhere`."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """allasfamc.zip, or a folder or another archive with files NN.asf and NN_MM.amc anywhere in it."""
    cameras: int = 1
    """How many of the four cameras of Human3.6M see each clip."""
    fps: float = 50.0
    """Frames per second to write."""
    capture_fps: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[FPS | NN=FPS | NN_MM=FPS …]")] = ()
    """Frames per second of the files, as in `jaxpose prepare cmu`; 60=60 and 61=60 are known."""
    seed: int | None = 0
    """Seed of the noise on the keypoints; None for exact projections. The synthetic motion is always the same."""


GLITCHES = (
    "01_03", "01_06", "01_07", "01_12", "03_02", "05_05", "05_06", "05_08", "05_10",
    "05_16", "05_17", "05_18", "05_19", "05_20", "16_15", "60_04", "60_08", "60_09", "60_15", "93_05", "93_08",
)  # fmt: skip
"""Trials in which joints jump in single frames, by metres: faults of the data."""

CAPTURE_FPS = {60: 60.0, 61: 60.0}
"""Frame rates of subjects whose files do not say that they are not 120."""

ACTIONS = ("Sitting", "SittingDown", "Phoning", "Eating", "Smoking", "Photo")
"""Of the synthetic people: on chairs and on the floor, crouching, and with a hand at the head."""

TAKES = 3
"""Synthetic clips of each person and action; every one is another choice of order, tempo, posture and place."""

TAKE_S = 8.0

HEAD = 0.5
"""Where the joint "head" is, between the neck's upper end and the top of the head, where the built-in people have it:
CMU's skeletons have it at the forehead."""


class Clips(NamedTuple):
    """What the tracks are made of."""

    path: Path  # folder or archive
    subjects: Mapping[int, cmu.Subject]
    rates: Mapping[str, float]  # frames per second of the files, by trial
    fps: float  # of the tracks
    cameras: int  # of each clip
    seed: int | None


def make_source(options: Options) -> Source:
    """Return the source of CMU's subjects, S1 and so on, and of the synthetic people, X1 and so on.

    Raises:
      InputError: an option is out of its range, or the subjects cannot be found.
    """
    from data_prep.cameras.virtual import FORMS, noise_note
    from jaxpose.data.synthetic.generate import SUBJECTS

    check_options(fps=options.fps, seed=options.seed)
    if not 1 <= options.cameras <= 4:
        raise InputError(f"--cameras is {options.cameras}; it must be from 1 to 4")
    found, incomplete = cmu.find_subjects(options.source)
    sound = [number for number, subject in found.items() if not {*GLITCHES}.issuperset(subject.trials)]
    glitches = [trial for trial in GLITCHES if any(trial in subject.trials for subject in found.values())]
    if not sound:
        raise InputError(f"{options.source}: every trial in it has jumps of single frames; take more of the database")
    subjects = cmu.select_subjects(found, sound, glitches)
    given = [words.rpartition("=")[0] for words in options.capture_fps]
    known = {number: rate for number, rate in CAPTURE_FPS.items() if number in subjects and str(number) not in given}
    rates, notes = cmu.capture_rates(
        options.source, subjects, [*(f"{number}={rate:g}" for number, rate in known.items()), *options.capture_fps]
    )
    notes = [
        *notes,
        *([f"--capture-fps {' '.join(f'{number}={rate:g}' for number, rate in known.items())} is known"] * bool(known)),
        *([f"left out, trials with jumps of single frames: {', '.join(glitches)}"] if glitches else []),
        *incomplete,
    ]
    text = (
        f"{options.source.name}, and synthetic motion ({', '.join(ACTIONS)}) in the splits X1 and so on, seen by "
        f"cameras of Human3.6M; {noise_note(options.seed)}"
    )
    clips = Clips(options.source, subjects, rates, options.fps, options.cameras, options.seed)
    splits = (*(f"S{number}" for number in subjects), *(f"X{name.removeprefix('S')}" for name in SUBJECTS))
    return Source(
        Description("CMU motion capture, and synthetic sitting", False, *FORMS["coco_17"], splits),
        functools.partial(tracks, clips),
        text="; ".join([text, *notes]),
        citation=cmu.CITATION,
        inputs=(options.source,),
        remarks=functools.partial(_remarks, notes, clips, options.out),
    )


def tracks(clips: Clips, split: str) -> Iterator[Track]:
    """Yield the clips of a person, each seen by some of the cameras of a Human3.6M subject, which take turns.

    Args:
      clips: what to make them of.
      split: "S1" for CMU's subject 1, "X1" for the synthetic person S1.

    Raises:
      InputError: a file violates its format; the message names the line and the remedy.
    """
    from data_prep.cameras.virtual import FORMS, virtual_tracks
    from jaxpose.data.human36m import H36M_CAMERAS

    if split.startswith("S"):
        number = int(split.removeprefix("S"))
        cameras = cmu.cameras_of(number)
        seen = cmu.clips(clips.path, clips.subjects[number], clips.rates, clips.fps, BODY_22)
    else:
        cameras = H36M_CAMERAS[f"S{split.removeprefix('X')}"]
        seen = synthetic_clips(f"S{split.removeprefix('X')}", clips.fps)
    for index, (action, world) in enumerate(seen):
        views = virtual_tracks(
            split, action, world, clips.fps, _rotated(cameras, index), clips.seed, form=FORMS["coco_17"]
        )
        yield from itertools.islice(views, clips.cameras)  # the next camera, where one is too near


def synthetic_clips(subject: str, fps: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the positions (T, 22, 3) in the world, metres, z up, of each clip of a synthetic person.

    Args:
      subject: one of `jaxpose.data.synthetic.generate.SUBJECTS`.
      fps: frames per second.
    """
    import jax

    from jaxpose.data.faces import add_face
    from jaxpose.data.synthetic.generate import motion

    neck, head = H36M_17.index("neck"), H36M_17.index("head")
    face = jax.jit(add_face)
    for action in ACTIONS:
        for take in range(1, TAKES + 1):
            key = jax.random.key(zlib.crc32(f"{subject}/{action}/{take}".encode()))
            clip = motion(key, action, subject, frames=round(TAKE_S * fps), fps=fps)
            world = np.array(face(clip))
            world[:, head] = world[:, neck] + HEAD * (world[:, head] - world[:, neck])
            yield f"synthetic {action} {take}", world


def _rotated(cameras: Mapping[str, "Camera"], index: int) -> dict[str, "Camera"]:
    """Cameras by name in the order that begins with number `index`, counted round and round."""
    names = list(cameras)
    first = index % len(names)
    return {name: cameras[name] for name in [*names[first:], *names[:first]]}


def _remarks(notes: Sequence[str], clips: Clips, out: Path, sizes: Mapping[str, SplitSize]) -> Sequence[str]:
    """Remark on views that no camera has, and on trials that are too fast, after other notes."""
    from data_prep.cameras.virtual import LEFT_OUT
    from data_prep.checks.pace_report import too_fast

    views = {f"S{number}": clips.cameras * len(subject.trials) for number, subject in clips.subjects.items()}
    lost = {split: views[split] - sizes[split].tracks for split in views}
    counts = [f"{lost[split]} of {views[split]} of {split}" for split in views if lost[split]]
    return [*notes, *([f"{LEFT_OUT}: {listed(counts)}"] if counts else []), *too_fast(out)]


main = functools.partial(prepare, "anywhere")

if __name__ == "__main__":
    main()
