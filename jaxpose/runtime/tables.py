"""Tables of text, printed on the terminal or written as Markdown, LaTeX and HTML.

Cells are text already, numbers included; whatever is special in a format is escaped here.
"""

import html
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
    header: Sequence[str]
    rows: Sequence[Sequence[str]]  # each as long as the header
    notes: Sequence[str] = ()  # below the table, a sentence or more each
    rules: Sequence[int] = ()  # rows above which a rule goes, counted from 0: averages, and each run but the first
    text_columns: Sequence[int] = (0,)  # columns of words, aligned left; the others hold numbers, aligned right


def show(console: Console, table: Table) -> None:
    """Print title, table and notes; on a terminal too narrow for the numbers, lines wrap and no digit is lost."""
    view = rich.table.Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column, heading in enumerate(table.header):
        words, longest = column in table.text_columns, max((cell_len(row[column]) for row in table.rows), default=0)
        whole = not words or longest <= _LONG
        view.add_column(
            Text(heading),
            justify="left" if words else "right",
            min_width=longest if whole else None,
            no_wrap=whole,
            overflow="fold",
        )
    for index, row in enumerate(table.rows):
        if index in table.rules:
            view.add_section()
        view.add_row(*map(Text, row))
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
    """Format title, table and notes as GitHub's Markdown, which has no rules within a table."""
    rows = [[*map(escape_markdown, row)] for row in (table.header, *table.rows)]
    lines = [rows[0], _sides(table, "---", "---:"), *rows[1:]]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    title = [f"**{escape_markdown(table.title)}**"] if table.title else []
    return "\n\n".join([*title, text, *map(escape_markdown, table.notes)]) + "\n"


def latex(table: Table) -> str:
    """Format a LaTeX `table` environment, with the rules of the package booktabs."""
    sides = "".join(_sides(table, "l", "r"))
    lines = [_latex_row(table.header), r"\midrule"]
    for index, row in enumerate(table.rows):
        if index in table.rules:
            lines.append(r"\midrule")
        lines.append(_latex_row(row))
    # A `tabular` in a paragraph of its own width; no package but booktabs is needed.
    notes = [rf"\par\smallskip {escape_latex(note)}" for note in table.notes]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(table.title)}}}",
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


def html_table(table: Table) -> str:
    """Format part of an HTML page: a `<table>` with the title as caption, and a `<p>` for each note."""

    def line(cells: Iterable[str], tag: str, attribute: str = "") -> str:
        aligned = (
            f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>'
            for side, cell in zip(_sides(table, "left", "right"), cells, strict=True)
        )
        return f"<tr{attribute}>{''.join(aligned)}</tr>"

    return "\n".join(
        [
            "<table>",
            *([f"<caption>{html.escape(table.title)}</caption>"] if table.title else []),
            "<thead>",
            line(table.header, "th"),
            "</thead>",
            "<tbody>",
            *(
                line(row, "td", ' class="ruled"' if index in table.rules else "")
                for index, row in enumerate(table.rows)
            ),
            "</tbody>",
            "</table>",
            *(f"<p>{html.escape(note)}</p>" for note in table.notes),
        ]
    )


_MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&]")


def escape_markdown(text: str) -> str:
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


def escape_latex(text: str) -> str:
    """Escape text for LaTeX; a hyphen before a digit becomes a minus sign, and two hyphens do not become a dash."""
    plain = " ".join(text.split()).translate(
        _LATEX
    )  # brackets and stars: after the end of a row they would be read as its options
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", re.sub(r"-(?=-)", "-{}", plain).replace("–", "--"))


def _sides(table: Table, left: str, right: str) -> list[str]:
    """Return `left` for every column of words and `right` for every column of numbers."""
    return [left if column in table.text_columns else right for column in range(len(table.header))]


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(map(escape_latex, cells)) + r" \\"
