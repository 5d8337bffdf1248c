"""Subjects and recordings that training shares with a test or validation split: what makes an error too small."""

from collections.abc import Collection, Sequence

from jaxpose.data.track import Description, Track, recording_name
from jaxpose.runs.saved import initial_run, saved_settings
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed
from jaxpose.training.config import Config


def shared_recordings(tracks: Sequence[Track], others: Sequence[Track]) -> list[str]:
    """Names of the recordings that two splits share, by whichever cameras, in the order of the first."""
    known = {recording_name(track) for track in others}
    return [name for name in dict.fromkeys(map(recording_name, tracks)) if name in known]


def split_subjects(split: str, subjects: Sequence[str]) -> set[str]:
    """The subjects of which a split has some part: S1 and S9 of "S1+S9[:50%]"; all of "all".

    Args:
      split: subjects, or parts of them, joined by +.
      subjects: of the data set.
    """
    names = {part.partition("[")[0].strip() for part in split.split("+")}
    return {*subjects} if "all" in names else names


def trained_subjects(
    config: Config, trained: Description, description: Description, subjects: Collection[str]
) -> tuple[str, ...]:
    """Which subjects of a data set a run was trained on, or the runs from whose weights it began (`--init`).

    A run of another data set was trained on other people, whatever their names. Data sets are of the same people if
    their titles begin alike, up to a comma, behind which the title names the source of the keypoints. A run that
    `init` names and that is no longer there is not known about.

    Args:
      config: settings of the run.
      trained: the data set that it was trained on.
      description: the data set of the subjects.
      subjects: to look for.

    Returns:
      In the order of `subjects`, each once.
    """
    found, followed = set(), set()
    while True:
        if _same_people(trained, description):
            found |= split_subjects(config.train_split, trained.splits)
        if config.init is None or config.init in followed:
            break
        followed.add(config.init)
        try:
            config, trained = saved_settings(initial_run(config.init))
        except InputError:
            break
    return tuple(subject for subject in dict.fromkeys(subjects) if subject in found)


def _initial_subjects(config: Config, description: Description, subjects: Collection[str]) -> tuple[str, ...]:
    """Which subjects the run `config.init` was trained on; none if there is no such run, as when one is resumed."""
    try:
        return trained_subjects(*saved_settings(initial_run(config.init)), description, subjects) if config.init else ()
    except InputError:
        return ()


def _same_people(one: Description, other: Description) -> bool:
    people = [description.title.partition(",")[0].strip() for description in (one, other)]
    return people[0] == people[1] and one.synthetic == other.synthetic


def refuse_overlap(
    config: Config, description: Description, train: Sequence[Track], held_out: dict[str, Sequence[Track]]
) -> None:
    """Raise `InputError` if what a run is tested or validated on was trained on; the message names the remedy.

    Args:
      config: settings of the run; with `allow_overlap` only the validation split must not be of the test split.
      description: of the data.
      train: tracks of the training split.
      held_out: tracks of the split "test", and "validation" if there is one.
    """
    splits = {"test": config.test_split, "validation": config.validation_split}
    if shared := shared_recordings(held_out.get("validation", ()), held_out["test"]):
        raise InputError(
            f"--validation-split {config.validation_split} holds the recording {listed(shared, 1)} of --test-split "
            f"{config.test_split}; choose other subjects: a test split that chose the checkpoint tests nothing"
        )
    if config.allow_overlap:
        return
    remedy = (
        "choose other subjects: errors on recordings that were trained on do not tell about others. --allow-overlap "
        "trains all the same, and every table then says so"
    )
    for purpose, tracks in held_out.items():
        split = f"--{purpose}-split {splits[purpose]}"
        if shared := shared_recordings(tracks, train):
            recordings = f"the recording {listed(shared, 1)} of --train-split {config.train_split}"
            raise InputError(f"{split} holds {recordings}; {remedy}")
        if subjects := _initial_subjects(config, description, [track.subject for track in tracks]):
            raise InputError(f"--init {config.init} was trained on {', '.join(subjects)}, of {split}; {remedy}")
