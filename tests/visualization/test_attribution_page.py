"""The page of an inspection; that it shows everything is tested with the command."""

from helpers.pages import Page

from jaxpose.runtime.tables import Table
from jaxpose.visualization import attribution_page


def test_what_comes_from_data_is_escaped():
    text = attribution_page.page("<script>alert(1)</script>", "a & b", Table("", ("c",), (('<b>"',),)))
    page = Page(text)
    assert "<script>" not in text
    assert {"a & b", '<b>"'} <= set(page.words)
