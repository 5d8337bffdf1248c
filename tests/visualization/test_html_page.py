"""Pages open from disk and ask the network for nothing."""

import base64
import re
import xml.etree.ElementTree as ET

from helpers.pages import Page
from matplotlib.figure import Figure

from jaxpose.visualization.html_page import page, picture


def test_titles_are_escaped_and_nothing_is_linked():
    text = page("</title><script>alert(1)</script>", "<p>body</p>")
    assert "<script>" not in text
    read = Page(text)
    assert "body" in read.words
    assert not read.links
    assert "default-src 'none'" in text


def test_plotly_is_inside_where_it_is_wanted():
    assert len(page("a", "b")) < 5000
    assert len(page("a", "b", plotly=True)) > 1_000_000
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page("a", "b", plotly=True)[:5000])


def test_a_figure_is_part_of_the_page():
    figure = Figure()
    figure.text(0.5, 0.5, "drawn")
    read = re.fullmatch(r'<img src="data:image/svg\+xml;base64,([^"]*)" alt="a &lt;b&gt;">', picture(figure, "a <b>"))
    assert ET.fromstring(base64.b64decode(read[1])).tag.endswith("svg")
