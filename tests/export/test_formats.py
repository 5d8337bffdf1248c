"""The formats of motion files in words."""

import re

from helpers.readme import readme_table

from jaxpose.export.formats import FORMATS, SUFFIXES, describe_formats, in_words


def test_every_format_has_a_line():
    lines = describe_formats().splitlines()
    assert lines[0] == "- .npz: m, cm or mm; axes: the motion's own, named in the file; for NumPy"
    for line, (suffix, each) in zip(lines, FORMATS.items(), strict=True):
        assert line.startswith(f"- {suffix}: {in_words(each.units)}; axes: {each.axes}; ")
        assert line.endswith(f"for {each.use}")


def test_the_phrase_has_every_suffix():
    assert SUFFIXES.replace(" or ", ", ").split(", ") == [*FORMATS]


def test_the_first_readme_names_them():
    cells = " ".join(row[1] for row in readme_table("README.md", "2D keypoints, recognised by content"))
    assert re.findall(r"`(\.\w+)`", cells) == [*FORMATS]
