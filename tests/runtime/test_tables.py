"""Whatever the cells hold, every form gives them back: read by a parser, or by undoing what was escaped."""

import io
import re
import string

from helpers.pages import Page
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jaxpose.runtime import tables
from jaxpose.runtime.tables import Table

TABLE = Table(
    "Errors, 50 % of a_b",
    ("action", "P1", "worst\nat"),
    (("Walking", "-4.1", "S9/a|b"), ("[red]<b>", "50.0", "–"), ("average", "27.0", "")),
    notes=("In mm & mm/frame².",),
    rules=(2,),
    text_columns=(0, 2),
)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=12)
TABLES = st.lists(st.tuples(LINE, LINE), min_size=1, max_size=4).map(lambda rows: Table("t", ("a", "b"), rows))
PUNCTUATION = re.escape(string.punctuation)


def squeezed(rows):
    return [[" ".join(cell.split()) for cell in row] for row in rows]


def shown(table, width=80):
    console = Console(width=width, file=io.StringIO())
    tables.show(console, table)
    return console.file.getvalue()


def test_terminal_shows_everything_and_reads_no_markup():
    text = shown(TABLE)
    for words in (TABLE.title, "[red]<b>", "-4.1", "S9/a|b", *TABLE.notes):
        assert words in text
    assert re.search(r"^ *Walking +-4\.1 +S9/a\|b *$", text, re.MULTILINE)
    assert re.search(r"50.0 .*\n\W+\n average", text)  # a rule of lines, which are no words
    assert text.index("[red]<b>") < text.index("average") < text.index(TABLE.notes[0])


def test_no_cell_is_bold_which_readers_would_take_for_the_best():
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    tables.show(console, TABLE)
    *_, rows = console.file.getvalue().partition("Walking")
    assert "average" in rows
    assert "\x1b[1m" not in rows
    assert "**" not in tables.markdown(TABLE._replace(title=""))
    assert "textbf" not in tables.latex(TABLE)


def test_a_narrow_terminal_wraps_and_loses_no_digit():
    wide = Table("", ("name", *"abc"), (("a name of so many words that it is wrapped", *["1234567.8"] * 3),))
    for width in (10, 24, 44):
        assert re.search("(1234567.8 +){3}", shown(wide, width))


def test_markdown():
    assert tables.markdown(TABLE) == (
        "**Errors, 50 % of a\\_b**\n\n"
        "| action | P1 | worst at |\n| --- | ---: | --- |\n"
        "| Walking | -4.1 | S9/a\\|b |\n| \\[red\\]\\<b\\> | 50.0 | – |\n| average | 27.0 |  |\n\n"
        "In mm \\& mm/frame².\n"
    )


@given(TABLES)
def test_markdown_gives_the_cells_back(table):
    _, text = tables.markdown(table).split("\n\n")
    cells = [re.split(r"(?<=[^\\]) \| |^\| | \|$", line.replace("\\\\", "\0"))[1:-1] for line in text.splitlines()[2:]]
    plain = [[re.sub(rf"\\([{PUNCTUATION}])", r"\1", cell).replace("\0", "\\") for cell in row] for row in cells]
    assert squeezed(plain) == squeezed(table.rows)
    assert not re.search(r"(?<!\\)[*_<>`\[\]$&~]", re.sub(r"\\\\", "", text))


@given(TABLES)
def test_html_gives_the_cells_back(table):
    words = Page(tables.html_table(table)).words
    texts = [table.title, *table.header, *(cell for row in table.rows for cell in row)]
    assert [word for word in words if word.strip()] == [text for text in texts if text.strip()]


def test_html_aligns_columns_of_words_and_has_rules():
    page = tables.html_table(TABLE)
    assert '<tr class="ruled"><td style="text-align: left">average</td><td style="text-align: right">27.0' in page
    assert "<caption>Errors, 50 % of a_b</caption>" in page
    assert page.endswith("<p>In mm &amp; mm/frame².</p>")


def test_latex():
    text = tables.latex(TABLE)
    assert r"\begin{tabular}{lrl}" in text
    assert r"{[}red]\textless{}b\textgreater{} & 50.0 & -- \\" in text
    assert r"Walking & $-$4.1 & S9/a\textbar{}b \\" in text
    assert "& 50.0 & -- \\\\\n\\midrule\naverage & 27.0 &  \\\\\n\\bottomrule" in text
    assert r"\caption{Errors, 50 \% of a\_b}" in text
    assert r"\par\smallskip In mm \& mm/frame\textsuperscript{2}." in text


@given(LINE)
def test_latex_leaves_nothing_special(text):
    written = r"\{[\[*]\}|-\{\}(?=-)|\\[&%$#_{}]|\\[a-zA-Z]+\{2?\}|\$(-|\\pm|\\times|\\to|\^\\circ)\$"
    rest = re.sub(written, "", tables.escape_latex(text.replace("–", "")))
    assert not re.search(r"[\\&%$#_{}~^<>|\"*\[]|--", rest)
