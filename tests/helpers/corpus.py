"""Damage for files, for every reader of the package: what is cut, flipped, retyped, nested, declared huge, or no file.

A test of a reader is one line, and covers whatever is added here later:

    corpus.assert_refuses(lambda: keypoints.read(path), path)

`damages` lists what can be done to a content, `edits` is the same as a strategy for hypothesis.
"""

import contextlib
import json
import os
import random
import resource
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from jaxpose.runtime.errors import InputError, one_line


class Damage(NamedTuple):
    """One way in which a file can be wrong."""

    name: str
    make: Callable[[Path], object]  # what is put in the place of the file, whose path is free


# What numbers, words and flags of a file can be mistaken for, or be crafted to.
WRONG: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "1", "NaN", "a\nb",
    "\0", "\ud800", "\x1b]0;x\x07", "../../../etc/passwd", "/etc/passwd", "[/red]", r"$\frac$", "x" * 100_000,
    [], {}, [[]], [None], {"": {}}, [0] * 10_000,
)  # fmt: skip
_TOKENS = (
    b"", b"\0", b"\xff\xfe", b"\n", b"\n\n", b"NaN", b"-1", b"1e999", b"9" * 5000, b"[" * 5000, b'{"a":' * 5000,
    b"\xed\xa0\x80",
)  # fmt: skip
_MOST_BYTES = 10**6  # of a file that is read back whole


def damages(content: bytes, *, seed: int = 0, most: int = 60) -> list[Damage]:
    """What can happen to a file of that content: all that is no file, then `most` of what is another content."""
    chance = random.Random(seed)
    changes = [*_cuts(content, chance), *_flips(content, chance), *_splices(content, chance)]
    retyped = _retyped(content, chance, most // 2)
    chosen = retyped + chance.sample(changes, min(len(changes), most - len(retyped)))
    return [*_PLACES, *(Damage(name, lambda path, new=new: path.write_bytes(new)) for name, new in chosen)]


def _cuts(content: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Ends at the borders of structures (lines, blocks, words of memory), and anywhere."""
    places = {0, 1, 4, 8, 16, 64, 128, 512, len(content) // 2, len(content) - 1, len(content) - 8}
    places |= set(range(0, len(content), max(4096, len(content) // 8)))
    places |= {at for at, byte in enumerate(content[:_MOST_BYTES]) if byte in b"\n{}[]," and chance.random() < 0.1}
    places |= {chance.randrange(len(content) + 1) for _ in range(8)}
    for place in sorted(place for place in places if 0 <= place < len(content)):
        yield f"cut after {place} bytes", content[:place]


def _flips(content: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Single bits; runs of zeros and of ones, as bad disks leave them; sizes in the header made huge."""
    for _ in range(40 if content else 0):
        at, bit = chance.randrange(len(content)), chance.randrange(8)
        yield f"bit {bit} of byte {at} flipped", content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    for _ in range(8):
        at, size = chance.randrange(len(content) + 1), chance.choice((4, 8, 512, 4096))
        for byte in (b"\0", b"\xff", b"\x7f"):
            yield f"{size} bytes {byte!r} at {at}", content[:at] + byte * size + content[at + size :]
    for at in range(0, min(len(content), 128), 4):
        yield f"huge size at {at}", content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :]


def _splices(content: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Tokens that belong elsewhere, and parts of the file twice."""
    for token in _TOKENS:
        at = chance.randrange(len(content) + 1)
        yield f"{token[:9]!r} inserted at {at}", content[:at] + token + content[at:]
        yield f"all is {token[:9]!r}", token
    for _ in range(8):
        begin, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        yield f"bytes {begin} to {end} twice", content[:end] + content[begin:]
        yield f"bytes {begin} to {end} lost", content[:begin] + content[end:]


def _retyped(content: bytes, chance: random.Random, most: int) -> list[tuple[str, bytes]]:
    """Nodes of a JSON file, or of the first line of JSON Lines, replaced by what is `WRONG`, or left out."""
    for head, rest in ((content, b""), content.partition(b"\n")[::2]):  # noqa: B007
        try:
            tree = json.loads(head)
            break
        except ValueError:
            continue
    else:
        return []
    places = [(path, value) for path in _paths(tree) for value in (*WRONG, ...)]
    made = []
    for path, value in chance.sample(places, min(len(places), most)):
        new = json.dumps(_replaced(tree, path, value)).encode() + b"\n" + rest
        made.append((f"{'/'.join(map(str, path)) or 'all'} is {str(value)[:20]!r}", new))
    return made


def _paths(node: Any, path: tuple = ()) -> Iterator[tuple]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node[:2]) if isinstance(node, list) else ()
    for key, child in items:
        yield from _paths(child, (*path, key))


def _replaced(node: Any, path: tuple, value: Any) -> Any:
    """A copy of the tree with one node replaced; left out if by `...`."""
    if not path:
        return None if value is ... else value
    copy = dict(node) if isinstance(node, dict) else list(node)
    if value is ... and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _replaced(copy[path[0]], path[1:], value)
    return copy


def _link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no room on disk


_PLACES = (
    Damage("is not there", lambda path: None),
    Damage("is empty", lambda path: path.touch()),
    Damage("is a folder", lambda path: path.mkdir()),
    Damage("is a pipe that nobody writes to", os.mkfifo),
    Damage("leads nowhere", _link("nowhere")),
    Damage("leads to itself", lambda path: path.symlink_to(path.name)),
    Damage("leads to a device without end", _link("/dev/zero")),
    Damage("leads to another file", _link("/etc/hostname")),
    Damage("is a terabyte of zeros", _huge),
)


def edits(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with up to four places overwritten, cut out, or grown by what belongs elsewhere."""
    pieces = st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=9))
    edit = st.tuples(st.integers(0, len(content)), st.integers(0, 40), pieces)

    def apply(made: list[tuple[int, int, bytes]]) -> bytes:
        new = content
        for at, lost, piece in made:
            new = new[:at] + piece + new[at + lost :]
        return new

    return st.lists(edit, min_size=1, max_size=4).map(apply)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Two GiB more than there are now, and no more: to who believes a size of a file, `MemoryError` is raised."""
    statm, (soft, hard) = Path("/proc/self/statm"), resource.getrlimit(resource.RLIMIT_AS)
    if statm.exists():
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 2**31, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def spoilt(path: Path, *, seed: int = 0, most: int = 60) -> Iterator[str]:
    """Put each damage in the place of a file, one after the other; afterwards the file is as it was.

    Yields:
      What is wrong with it now.
    """
    content, kept = path.read_bytes(), path.with_name(f"{path.name}.kept")
    path.rename(kept)
    try:
        for damage in damages(content, seed=seed, most=most):
            damage.make(path)
            try:
                yield damage.name
            finally:
                remove(path)
    finally:
        remove(path)
        kept.rename(path)


def remove(path: Path) -> None:
    """Delete a file, a link or a folder; nothing if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def assert_refuses(
    read: Callable[[], object], path: Path, *, named: str = "", seed: int = 0, most: int = 60
) -> Counter:
    """Damage a file in every way: a reader gives something, or an `InputError` that names it, and nothing else.

    It has two GiB of memory for that. (TensorStore's threads do not bear such a limit: checkpoints are read without.)

    Args:
      read: reads the file.
      path: of the file; it is sound.
      named: what a message must have in it; the name of the file by default.
      seed: of the damage.
      most: how many other contents to try.

    Returns:
      How often it was "read" and "refused".
    """
    read()
    outcomes: Counter = Counter()
    for damage in spoilt(path, seed=seed, most=most):
        try:
            with little_memory():
                read()
        except InputError as error:
            if (named or path.name) not in one_line(error):
                raise AssertionError(f"{path.name} {damage}: the message does not name it: {error}") from error
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{path.name} {damage}: {type(error).__name__} {error}"[:300]) from error
        else:
            outcomes["read"] += 1
    assert outcomes["refused"], "no damage was refused"
    return outcomes
