"""Tables of the READMEs, for tests that compare them with the code."""

from helpers.places import ROOT


def readme_table(path, first_heading):
    """The rows of a table in a Markdown file, its headings first; the table is found by its first heading.

    Args:
      path: of the file, from the root of the checkout.
      first_heading: of the table.
    """
    lines = (ROOT / path).read_text("utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"| {first_heading} |"))
    stop = next((index for index in range(start, len(lines)) if not lines[index].startswith("|")), len(lines))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:stop]]
    return [rows[0], *rows[2:]]
