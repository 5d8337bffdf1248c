"""The parts of the report show the tracks that were measured, each with its own errors."""

import datetime
import functools
import json

import numpy as np
import pytest
from helpers.made_up import made_up
from helpers.pages import Page
from helpers.samples import DESCRIPTION, make_track

from jaxpose.evaluation import report_page
from jaxpose.evaluation.compare import EvaluatedRun
from jaxpose.models.configs import TemporalConfig
from jaxpose.skeleton import H36M_17
from jaxpose.training.config import Config
from jaxpose.visualization.view import joint_errors

ACTIONS = [f"Walking {number}" for number in range(12)]
TRACKS = [make_track(frames=4 + number, action=action, seed=number) for number, action in enumerate(ACTIONS)]


@functools.cache
def lifted():
    """Predictions whose errors grow with the number of the track; the last frame of each is the worst."""
    predictions = []
    for number, track in enumerate(TRACKS):
        poses = track.positions_3d - track.positions_3d[:, :1]
        error = 0.01 * (1 + number) * np.linspace(0.5, 1, len(poses))[:, None, None]
        predictions.append((poses + error * [1, 0, 0]).astype(np.float32))
    errors = made_up(["Walking"] * len(TRACKS))
    errors.means["mpjpe"][:] = [10 * (1 + number) for number in range(len(TRACKS))]
    errors.means["joint_mpjpe"][:, 3] = 1000
    return report_page.lifted_tracks(TRACKS, np.concatenate(predictions), errors)


@pytest.mark.parametrize(("count", "labels"), [
    (1, ["worst 1"]),
    (4, ["worst 1", "worst 2", "worst 3", "best 1"]),
    (9, ["worst 1", "worst 2", "worst 3", "median", "best 3", "best 2", "best 1"]),
])  # fmt: skip
def test_no_track_is_shown_twice(count, labels):
    ranks = report_page.shown_ranks(count)
    assert list(ranks) == labels
    assert len(set(ranks.values())) == len(labels)
    assert ranks[labels[-1]] == count - 1


def test_tracks_are_ranked_by_their_own_errors():
    tracks = lifted()
    assert tracks.ranking.tolist() == [*range(11, -1, -1)]
    for clip, errors in zip(tracks.clips, tracks.frame_errors, strict=True):
        np.testing.assert_allclose(errors, joint_errors(clip.prediction, clip.truth).mean(axis=-1))
    clips = report_page.shown_clips(tracks)
    assert next(iter(clips)) == "worst 1: S1/Walking 11/55011271, 120.0 mm"
    assert [*clips][-1] == "best 1: S1/Walking 0/55011271, 10.0 mm"
    assert all(clip.name in label for label, clip in clips.items())


def test_a_long_track_is_cut_around_its_worst_frame(monkeypatch):
    monkeypatch.setattr(report_page, "FRAMES", 3)
    clip = report_page.shown_clips(lifted())["worst 1: S1/Walking 11/55011271, 120.0 mm"]
    assert (clip.first, len(clip.truth)) == (12, 3)


def test_the_table_lists_both_ends_of_the_ranking():
    table = report_page.track_table(lifted(), H36M_17)
    assert [row[0] for row in table.rows] == ["1", "2", "3", "4", "5", "…", "8", "9", "10", "11", "12"]
    assert {len(row) for row in table.rows} == {len(table.header)}
    rank, name, frames, mpjpe, _, joint, worst = table.rows[0]
    assert (rank, name, frames, mpjpe, joint) == ("1", "S1/Walking 11/55011271", "15", "120.0", "right_ankle")
    assert worst == "14 (120 mm)"


def test_curves_say_if_there_is_no_log():
    assert "no log" in report_page.curves([], Config(), DESCRIPTION)
    records = [{"epoch": epoch, "loss": 0.1, "learning_rate": 1e-3} for epoch in (1, 2)]
    assert report_page.curves(records, Config(), DESCRIPTION).startswith("<img ")


def test_settings_are_escaped():
    text = report_page.settings(Config(data="<b>"))
    assert "<b>" not in text
    assert json.loads(Page(text).words[1])["data"] == "<b>"


def test_the_head_says_what_the_run_is_and_with_what_it_was_made():
    config = Config(constraints={"angle": 2.0}, steps=70, seed=5, model=TemporalConfig(filter_widths=(3, 5)))
    time = datetime.datetime(2026, 2, 3, 4, 5, tzinfo=datetime.UTC)
    made = report_page.Made(time, {"jaxpose": "0.1.0", "commit": None, "jax": "0.5"}, None)
    rows = dict(report_page.head_table(config, made).rows)
    assert "temporal: " in rows["network"]
    assert "filter_widths 3 5" in rows["network"]
    assert "70 steps" in rows["training"]
    assert "seed 5" in rows["training"]
    assert rows["constraints, with weights"] == "angle 2"
    assert rows["trained with"] == "not recorded"
    assert rows["page made"] == "2026-02-03 04:05 UTC with jaxpose 0.1.0, jax 0.5"
    recorded = report_page.head_table(config, made._replace(run_versions={"jax": "0.4"}))
    assert dict(recorded.rows)["trained with"] == "jax 0.4"


def test_every_section_is_linked():
    page = Page("\n".join(report_page.linked_sections({"Worst and best": ["<p>a</p>", "<p>b</p>"], "In 3D": []})))
    assert page.links == ["#worst-and-best", "#in-3d"]
    assert [word for word in page.words if word.strip(" ·\n")] == ["Worst and best", "In 3D"] * 1 + [
        "Worst and best", "a", "b", "In 3D",
    ]  # fmt: skip


def test_the_tables_end_with_why_there_are_no_published_rows():
    run = EvaluatedRun("mine", Config(), made_up(["Walking"] * len(TRACKS)))
    tables = report_page.evaluation_tables([run], DESCRIPTION, TRACKS, "S1")
    assert tables[0].title.startswith("mine: sample motion, S1.")
    assert tables[-1].notes[-1].endswith("not comparable: the subjects are S1, not S9 and S11.")
