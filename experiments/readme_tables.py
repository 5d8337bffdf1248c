"""Write the tables of READMEs that are made from records: keypoint formats, motion formats, metrics.

    python -m experiments.readme_tables

Run it after a change to a record; tests compare the tables with the records.
"""

from collections.abc import Sequence
from pathlib import Path

from jaxpose.evaluation import metric_records
from jaxpose.export import formats as motion_formats
from jaxpose.files.atomic import atomic_write_text
from jaxpose.keypoints import formats as keypoint_formats

TABLES = {
    "jaxpose/keypoints/README.md": keypoint_formats.readme_table,
    "jaxpose/export/README.md": motion_formats.readme_table,
    "jaxpose/evaluation/README.md": metric_records.readme_table,
}
"""The table that each README has, as rows, its headings first."""


def main(root: Path = Path()) -> None:
    """Replace the tables in the READMEs of a checkout."""
    for readme, rows in TABLES.items():
        path = root / readme
        atomic_write_text(path, with_table(path.read_text("utf-8"), rows()))


def with_table(text: str, rows: Sequence[Sequence[str]]) -> str:
    """Replace the table in a Markdown text that has the headings of these rows; the other lines stay."""
    lines, head = text.split("\n"), as_line(rows[0])
    start = lines.index(head)
    stop = next(index for index in range(start, len(lines)) if not lines[index].startswith("|"))
    return "\n".join([*lines[:start], head, "|" + "---|" * len(rows[0]), *map(as_line, rows[1:]), *lines[stop:]])


def as_line(cells: Sequence[str]) -> str:
    """A row of a table in Markdown."""
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


if __name__ == "__main__":
    main()
