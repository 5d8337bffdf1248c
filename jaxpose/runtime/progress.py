"""A line on the terminal that says what a command is doing, and for how long: nothing in a pipe or a file."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Item = TypeVar("Item")


@contextlib.contextmanager
def working(words: str, *, shown: bool = True) -> Iterator[None]:
    """Show a line with a time that runs on stderr, if that is a terminal, and remove it at the end.

    Print nothing in the block, and do not nest it: a terminal has one such line.

    Args:
      words: what is done, such as "reading the data".
      shown: False shows nothing, for all but the first of several processes.
    """
    with _line(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), shown=shown) as progress:
        progress.add_task(words, total=None)
        yield


@contextlib.contextmanager
def counting(words: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr, if that is a terminal, and remove it at the end.

    Args:
      words: what is counted, such as "subjects".
      total: how many there are.

    Yields:
      A function to call after each.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _line(*columns, shown=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda: progress.advance(task)


def counted(items: Iterable[Item], words: str, total: int) -> Iterator[Item]:
    """Yield items, and show how many there have been; arguments as of `counting`."""
    with counting(words, total) as count:
        for item in items:
            yield item
            count()


def _line(*columns: object, shown: bool) -> Progress:
    """A transient line on stderr, which leaves stdout alone: rich would move what is printed to stderr."""
    console = Console(stderr=True)
    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
        redirect_stdout=False,
        redirect_stderr=False,
    )
