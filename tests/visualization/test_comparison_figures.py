"""Runs differ in colour, and labels are drawn as they are; the numbers are tested in test_paper_figures."""

import math

import pytest

from jaxpose.visualization.comparison_figures import compare_bars, compare_curves, run_colours


@pytest.mark.parametrize("count", [1, 5, 6, 40])
def test_every_run_has_its_colour(count):
    assert len({str(colour) for colour in run_colours(count)}) == count


def test_a_dollar_is_no_formula_and_a_log_may_have_no_test_error():
    log = [{"epoch": epoch, "loss": 0.1} for epoch in (1, 2)]
    figure = compare_curves({"run $1 a_b$": log}, title="$2")
    assert figure.get_suptitle() == r"\$2"
    assert figure.axes[0].lines[0].get_label() == r"run \$1 a_b\$"
    assert not figure.axes[1].lines
    figure.draw_without_rendering()
    assert compare_curves({"empty": []}, title="a").axes[0].get_legend() is None


def test_averages_are_written_and_unknown_ones_are_a_dash():
    rows = {"a": [1.0, 2.0, 1.5], "b": [1.0, math.nan, math.nan]}
    figure = compare_bars(
        rows, ["A$", "B$", "average"], "mm", digits=2, colours=["0.5", "0.6"], title="title", note="a note"
    )
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["1.50", "–"]
    assert [text.get_text() for text in axes.get_xticklabels()] == [r"A\$", r"B\$", "average"]
    assert axes.get_xlabel() == "a note"
    figure.draw_without_rendering()
