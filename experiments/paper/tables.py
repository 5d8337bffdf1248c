"""Print Tables 5 to 10 of the joint-aware paper as they are, with marks where they do not add up.

    python -m experiments.paper.tables [5 6 7 7b 8 9 10] [--markdown]

The rows and the remarks on them are in `jaxpose.evaluation.paper_tables`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import tyro
from rich.console import Console

from jaxpose.evaluation import paper_tables
from jaxpose.runtime import tables
from jaxpose.runtime.errors import cli_errors


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of the command."""

    numbers: tyro.conf.Positional[tuple[Literal[paper_tables.NUMBERS], ...]] = paper_tables.NUMBERS
    """The tables to print; 7b is the one without a title after Table 7."""
    markdown: bool = False
    """Print Markdown."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m experiments.paper.tables", description=__doc__)
        for number in command.numbers:
            if command.markdown:
                print(tables.markdown(paper_tables.paper_table(number)))
            else:
                tables.show(Console(), paper_tables.paper_table(number))
                print()


if __name__ == "__main__":
    main()
