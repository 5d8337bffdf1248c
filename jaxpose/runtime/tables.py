"""Tables of text, printed on the terminal or written as Markdown, LaTeX, HTML and CSV.

Cells are text already, numbers included; whatever is special in a format is escaped here.
"""

import csv
import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import rich.table
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text

_LONG = 32  # characters of a cell of words, which may be wrapped


class Table(NamedTuple):
    """A table of text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]  # each as long as the head
    notes: Sequence[str] = ()  # below the table, a sentence or more each
    strong: Sequence[int] = ()  # rows of averages and other summaries, counted from 0: bold, below a rule
    left: Sequence[int] = (0,)  # columns of words, aligned left; the others hold numbers, aligned right


def show(console: Console, table: Table) -> None:
    """Print title, table and notes; on a terminal too narrow for the numbers, lines wrap and no digit is lost."""
    view = rich.table.Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column, heading in enumerate(table.head):
        words, longest = column in table.left, max((cell_len(row[column]) for row in table.rows), default=0)
        whole = not words or longest <= _LONG
        view.add_column(
            Text(heading),
            justify="left" if words else "right",
            min_width=longest if whole else None,
            no_wrap=whole,
            overflow="fold",
        )
    for index, row in enumerate(table.rows):
        if _begins_sum(table, index):
            view.add_section()
        view.add_row(*map(Text, row), style="bold" if index in table.strong else None)
    if table.title:
        console.print(Text(table.title), soft_wrap=True)
    least = Measurement.get(console, console.options.update(max_width=10_000), view).minimum
    view.width = least if least > console.width else None
    console.print(view, crop=False)
    for note in table.notes:
        console.print(Text(note), soft_wrap=True)


def deduplicate_notes(tables: Iterable[Table]) -> list[Table]:
    """Remove from each table the notes that an earlier one has."""
    seen: set[str] = set()
    result = []
    for table in tables:
        result.append(table._replace(notes=[note for note in table.notes if note not in seen]))
        seen |= {*table.notes}
    return result


def markdown(table: Table) -> str:
    """Format title, table and notes as GitHub's Markdown."""
    sides = ["---" if column in table.left else "---:" for column in range(len(table.head))]
    rows = [
        [f"**{cell}**" if cell and index in table.strong else cell for cell in map(markdown_text, row)]
        for index, row in enumerate(table.rows)
    ]
    lines = [[markdown_text(heading) for heading in table.head], sides, *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    title = [f"**{markdown_text(table.title)}**"] if table.title else []
    return "\n\n".join([*title, text, *map(markdown_text, table.notes)]) + "\n"


def latex(table: Table) -> str:
    """Format a LaTeX `table` environment, with the rules of the package booktabs."""
    sides = "".join("l" if column in table.left else "r" for column in range(len(table.head)))
    lines = [_latex_row(table.head), r"\midrule"]
    for index, row in enumerate(table.rows):
        if _begins_sum(table, index):
            lines.append(r"\midrule")
        lines.append(_latex_row(row, strong=index in table.strong))
    # A `tabular` in a paragraph of its own width; no package but booktabs is needed.
    notes = [rf"\par\smallskip {latex_text(note)}" for note in table.notes]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_text(table.title)}}}",
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
            "",
        ]
    )


def page_part(table: Table) -> str:
    """Format part of an HTML page: a `<table>` with the title as caption, and a `<p>` for each note."""

    attribute = ' class="strong"'

    def line(cells: Iterable[str], tag: str, strong: bool = False) -> str:
        aligned = (
            f'<{tag} style="text-align: {"left" if column in table.left else "right"}">{html.escape(cell)}</{tag}>'
            for column, cell in enumerate(cells)
        )
        return f"<tr{attribute if strong else ''}>{''.join(aligned)}</tr>"

    rows = [line(row, "td", index in table.strong) for index, row in enumerate(table.rows)]
    caption = [f"<caption>{html.escape(table.title)}</caption>"] if table.title else []
    parts = [
        "<table>",
        *caption,
        "<thead>",
        line(table.head, "th"),
        "</thead>",
        "<tbody>",
        *rows,
        "</tbody>",
        "</table>",
    ]
    return "\n".join([*parts, *(f"<p>{html.escape(note)}</p>" for note in table.notes)])


def comma_separated(table: Table) -> str:
    """Format head and rows as CSV (RFC 4180), without title and notes."""
    file = io.StringIO()
    csv.writer(file).writerows([table.head, *table.rows])
    return file.getvalue()


_MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&]")


def markdown_text(text: str) -> str:
    """Escape text for Markdown, in one line."""
    return _MARKDOWN_SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
        "|": r"\textbar{}", "[": "{[}", "*": "{*}", '"': "''", "²": r"\textsuperscript{2}", "±": r"$\pm$",
        "×": r"$\times$", "→": r"$\to$", "°": r"$^\circ$", "…": r"\dots{}", "†": r"\dag{}", "‡": r"\ddag{}",
        "§": r"\S{}",
    }
)  # fmt: skip


def latex_text(text: str) -> str:
    """Escape text for LaTeX; a hyphen before a digit becomes a minus sign, and two hyphens do not become a dash."""
    plain = " ".join(text.split()).translate(
        _LATEX
    )  # brackets and stars: after the end of a row they would be read as its options
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", re.sub(r"-(?=-)", "-{}", plain).replace("–", "--"))


def _begins_sum(table: Table, index: int) -> bool:
    """Return whether a rule goes above the row: it is the first summary row after others."""
    return index > 0 and index in table.strong and index - 1 not in table.strong


def _latex_row(cells: Iterable[str], *, strong: bool = False) -> str:
    texts = map(latex_text, cells)
    return " & ".join(rf"\textbf{{{cell}}}" if strong and cell else cell for cell in texts) + r" \\"
