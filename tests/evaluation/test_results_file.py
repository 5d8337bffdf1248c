"""Tables and files of results have the numbers, their units, and the data that they are of."""

import io
import json
import math

import pytest
from helpers.samples import DESCRIPTION
from rich.console import Console

from jaxpose.evaluation import results_file
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.runtime.errors import InputError

SCORES = {
    "average": dict(zip(PUBLISHED_KEYS, (50.04, 42.0, 49.96, 6.789, float("nan")), strict=True)),
    "actions": {
        "Walking": dict(zip(PUBLISHED_KEYS, (40.0, 30.0, 39.0, 5.0, float("nan")), strict=True)),
        "Sitting": dict(zip(PUBLISHED_KEYS, (60.08, 54.0, 60.92, 8.578, float("nan")), strict=True)),
    },
    "frames": 1234,
    "fps": 50.0,
    "protocol": "Protocol (VideoPose3D's): whole tracks.",
}
SYNTHETIC = DESCRIPTION._replace(synthetic=True, title="made-up motion")


def test_json_has_the_promised_keys(tmp_path):
    results_file.write_results(tmp_path, SCORES, DESCRIPTION, "S9")
    written = json.loads((tmp_path / "results.json").read_text())
    assert set(written["average"]) == set(PUBLISHED_KEYS) == {"mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "mpjae"}
    assert written["average"]["mpjpe"] == 50.04
    assert written["average"]["mpjae"] is None  # JSON has no NaN
    assert list(written["actions"]) == ["Walking", "Sitting"]
    assert written["synthetic"] is False
    assert written["switches"]["mirror"] is True
    assert written["protocol"].startswith("Protocol (VideoPose3D's): whole tracks")
    assert (written["data"], written["split"]) == ("sample motion", "S9")


def test_markdown_rounds_as_the_field_does(tmp_path):
    results_file.write_results(tmp_path, SCORES, DESCRIPTION, "S9")
    text = (tmp_path / "results.md").read_text()
    assert "| Sitting | 60.1 | 54.0 | 60.9 | 8.58 | – |" in text
    assert "| average | 50.0 | 42.0 | 50.0 | 6.79 | – |" in text
    assert "mm/frame²" in text
    assert "1,234 frames at 50 frames/s; per second, MPJVE is 339 mm/s and MPJAE nan mm/s² on average." in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_synthetic_numbers_say_so(form):
    if form == "markdown":
        text = results_file.results_markdown(SCORES, SYNTHETIC, "S9")
    else:
        console = Console(width=80, file=io.StringIO())
        results_file.show_results(console, SCORES, SYNTHETIC, "S9")
        text = console.file.getvalue()
        assert "60.1 " in text
        assert "6.79 " in text
    assert "SYNTHETIC motion: these numbers say nothing about real people. made-up motion, S9." in text


def test_subjects_that_were_trained_on_are_named(tmp_path):
    results_file.write_results(tmp_path, SCORES, DESCRIPTION, "S1+S9", ["S1"])
    assert (
        "sample motion, S1+S9 (TRAINED ON S1: these are not errors of unseen people)."
        in (tmp_path / "results.md").read_text()
    )
    written = json.loads((tmp_path / "results.json").read_text())
    assert (written["split"], written["trained_on"]) == ("S1+S9", ["S1"])
    assert results_file.read_results(tmp_path).trained_on == ("S1",)
    del written["trained_on"]  # as results had it before
    (tmp_path / "results.json").write_text(json.dumps(written))
    assert results_file.read_results(tmp_path).trained_on == ()


def test_results_are_read_as_they_were_written(tmp_path):
    results_file.write_results(tmp_path, SCORES, DESCRIPTION, "S9")
    results = results_file.read_results(tmp_path)
    assert (results.frames, results.fps) == (1234, 50)
    assert [*results.errors] == ["Walking", "Sitting", "average"]
    assert results.errors["Sitting"]["mpjpe"] == 60.08
    assert math.isnan(results.errors["average"]["mpjae"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"has no results yet: finish its training \(--resume\), or run jaxpose evaluate"),
        ("[]", "results.json does not hold the results of a run"),
        ('{"actions": 1}', "results.json does not hold the results of a run"),
        ("{", "results.json does not hold the results of a run"),
    ],
)
def test_damaged_results_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match=message):
        results_file.read_results(tmp_path)


def test_results_without_actions_are_refused(tmp_path):
    results_file.write_results(tmp_path, SCORES | {"actions": {}}, DESCRIPTION, "S9")
    with pytest.raises(InputError, match=r"results\.json holds no action"):
        results_file.read_results(tmp_path)
