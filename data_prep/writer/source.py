"""What a data set is to the writer: its description, its tracks, and what people should know about it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxpose.data.track import Description, Track


class SplitSize(NamedTuple):
    """The size of a split."""

    tracks: int
    frames: int
    seconds: float


def no_remarks(sizes: Mapping[str, SplitSize]) -> Sequence[str]:
    """Remark on nothing."""
    return ()


class Source(NamedTuple):
    """A data set to write; where several processes write it, `tracks` must be picklable."""

    description: Description
    tracks: Callable[[str], Iterable[Track]]  # returns the tracks of a split
    text: str  # where the data come from and how they were changed, for people
    citation: str = ""  # BibTeX of the publication
    inputs: tuple[Path, ...] = ()  # files and folders that the tracks are made from
    remarks: Callable[[Mapping[str, SplitSize]], Sequence[str]] = no_remarks
    """Returns what to print when all is written, such as what was left out, by the sizes of the splits."""
