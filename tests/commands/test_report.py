"""The page about a run: what is on it, and, in a browser, that its player plays."""

import io
import json
import re
import shutil

import jax
import numpy as np
import pytest
from helpers.browser import CHROMIUM, browser
from helpers.motions import lifted
from helpers.pages import Page
from helpers.samples import DESCRIPTION, make_track
from PIL import Image

from data_prep.writer import data_set
from jaxpose import report
from jaxpose.data.windows import pack
from jaxpose.evaluation import report_page
from jaxpose.export.writers import write_motions
from jaxpose.metrics import mpjpe
from jaxpose.runs import trained
from jaxpose.runs.log import append_log
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.runtime.versions import versions

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def run(untrained, tmp_path_factory):
    """A run with a log, and its report."""
    run = tmp_path_factory.mktemp("reported") / "<b>run"
    shutil.copytree(untrained, run)
    for step in (1, 2):
        record = {"step": step, "epoch": step / 2, "learning_rate": 1e-3, "loss": 0.1 / step, "test_mpjpe": 0.2 / step}
        append_log(run, record)
    report.main([str(run)])
    return run


@pytest.fixture(scope="module")
def text(run):
    return (run / "report.html").read_text("utf-8")


def test_the_page_says_what_was_measured(run, text):
    page = Page(text)
    lifter = open_run(run)
    _, tracks, _ = load_fitting(lifter)
    frames = pack(tracks)
    errors = 1000 * np.asarray(mpjpe(lifter.lift(frames), frames.poses))
    for track, its in zip(tracks, np.split(errors, [40]), strict=True):
        assert track.action in page.words
        assert f"{its.mean():.1f}" in page.words
        assert f"{its.argmax()} ({its.max():.0f} mm)" in page.words
    assert "sample motion, S9: 2 tracks, 65 frames." in page.words
    assert "Run <b>run" in page.words
    (page_made,) = (word for word in page.words if re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC with jaxpose ", word))
    assert f"jax {jax.__version__}" in page_made
    (network,) = (word for word in page.words if word.startswith("temporal: "))
    assert "channels 8" in network
    assert any("Joint Aware Temporal Deep Learning 3D Human Pose Estimation" in word for word in page.words)
    assert "SYNTHETIC" not in text.split("plotly.js")[-1]


def test_the_page_asks_the_network_for_nothing(text):
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in Page(text).links)
    assert len(text) < 8_000_000


def test_versions_of_the_run_are_read_from_its_settings(run, tmp_path):
    assert set(report._recorded_versions(run) or {}) <= set(versions())
    settings = {"versions": {"jax": "0.1", "commit": None}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert report._recorded_versions(tmp_path) == {"jax": "0.1"}


def test_synthetic_motion_is_said_to_be(run, tmp_path, capsys, monkeypatch):
    def as_synthetic(*arguments):
        description, *rest = load_fitting(*arguments)
        return description._replace(synthetic=True), *rest

    monkeypatch.setattr(trained, "load_fitting", as_synthetic)
    report.main([str(run), "--out", str(tmp_path / "synthetic.html")])
    page = Page((tmp_path / "synthetic.html").read_text("utf-8"))
    assert "SYNTHETIC motion: these numbers say nothing about real people." in page.words
    assert f"The report is {tmp_path / 'synthetic.html'}" in capsys.readouterr().out


def test_subjects_that_were_trained_on_are_said_to_be(run, tmp_path):
    report.main([str(run), "--split", "S1", "--out", str(tmp_path / "trained.html")])
    words = Page((tmp_path / "trained.html").read_text("utf-8")).words
    notice = "S1 (TRAINED ON S1: these are not errors of unseen people)"
    assert f"sample motion, {notice}: 2 tracks, 65 frames." in words
    assert f"<b>run, by joint: sample motion, {notice}" in words
    assert sum(notice in text for text in words) >= 5


def test_smoothed_predictions_are_in_the_tables_of_errors(run, text, tmp_path, refusal):
    report.main([str(run), "--smooth", "butterworth:2", "--out", str(tmp_path / "smooth.html")])
    smooth = (tmp_path / "smooth.html").read_text("utf-8")
    words = Page(smooth).words
    assert any(word.startswith("Comparison: sample motion, S9.") for word in words)
    assert "<b>run, butterworth 2 Hz" in words
    tracks, plain = ([word for word in page.words if "mm)" in word] for page in (Page(smooth), Page(text)))
    assert tracks == plain
    line = refusal(report.main, [str(run), "--smooth", "kalman"])
    assert "--smooth names 'kalman'; the filters are savgol, butterworth, one-euro" in line


def test_recordings_that_are_not_scored_are_not_shown(run, tmp_path, monkeypatch):
    actions = ("Directions", "Walking")  # of S11, the first is excluded
    tracks = [make_track(subject="S11", action=action, frames=25) for action in actions]
    data_set.write(tmp_path / "data", DESCRIPTION._replace(splits=("S11",)), lambda split: tracks, text="S11")
    shown = []
    monkeypatch.setattr(report_page, "report_page", lambda *given: shown.append(given) or "")
    report.main([str(run), "--data", str(tmp_path / "data"), "--split", "S11", "--out", str(tmp_path / "out.html")])
    ((evaluated, _, _, tracks, _, predictions, _, _),) = shown
    assert [track.action for track in tracks] == ["Walking"]
    assert len(evaluated.errors.frames) == 1
    assert len(predictions) == 25


def test_no_run_is_refused(tmp_path, refusal):
    assert "is not a run" in refusal(report.main, [str(tmp_path)])


def test_poses_in_a_file_have_no_data(tmp_path, refusal, capsys):
    (poses,) = write_motions(tmp_path / "poses.npz", lifted())
    for option in (["--data", "synthetic"], ["--smooth", "savgol"]):
        assert "--data, --split and --smooth are for runs" in refusal(report.main, [str(poses), *option])
    report.main([str(poses), "--out", str(tmp_path / "page.html")])
    assert f"The report is {tmp_path / 'page.html'}" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"poses.npz", "page.html"}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("fields", [{}, {"keypoints": None}])
def test_the_player_shows_poses_in_a_file(tmp_path, fields):
    (poses,) = write_motions(tmp_path / "poses.npz", lifted(**fields))
    report.main([str(poses)])
    with browser(tmp_path / "profile") as tab:
        tab.open((tmp_path / "poses.html").as_uri(), width=800, height=600)
        assert press(tab, "player", "ArrowRight") == "frame 5 of 29, 0.20 s"
        tab.run(f"{element('choice')}.selectedIndex = 1, {element('choice')}.dispatchEvent(new Event('change'))")
        assert press(tab, "player", "ArrowRight") == "frame 1 of 20, 0.04 s"
        assert len(tab.run(f"{element('scene')}.data[0].x")) == 3 * 16 + 2
        assert not tab.run("document.querySelector('#scene .colorbar')")
        assert not tab.errors


def element(name):
    return f"document.getElementById('{name}')"


def press(tab, name, key):
    tab.run(f"{element(name)}.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))")
    return tab.run(f"{element('readout')}.textContent")


HELD_CLOCK = """(() => {
  const real = window.requestAnimationFrame;
  let held = [], now = performance.now() - 5;  // a frame's time can be before the click that asked for it
  window.requestAnimationFrame = (callback) => held.push(callback);
  window.tick = (milliseconds) => { const due = held; held = []; now += milliseconds; due.forEach((f) => f(now)); };
  window.release = () => { window.requestAnimationFrame = real; held.forEach((f) => real(f)); };
})()"""
"""Animation frames of a page come when the test says so, until `release()`: no machine is too slow for it."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_player_plays(run, text, tmp_path):
    with browser(tmp_path / "profile") as tab:
        tab.open((run / "report.html").as_uri(), width=800, height=600)
        assert tab.run(f"{element('readout')}.textContent").startswith("frame 0 of ")

        # On a page that was just opened, Space plays and shows the player; an arrow stops.
        on_the_page = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))"
        assert tab.run(f"{element('player')}.getBoundingClientRect().top > innerHeight")
        tab.run(on_the_page % " ")
        tab.wait(f"!{element('readout')}.textContent.startsWith('frame 0 ')")
        assert tab.run(f"{element('player')}.getBoundingClientRect().top < innerHeight")
        tab.run(on_the_page % "ArrowRight")
        assert tab.run(f"{element('play')}.textContent") == "Play"
        tab.run(f"{element('slider')}.value = 0, {element('slider')}.dispatchEvent(new Event('input'))")

        # What it shows is the error that the run has.
        packed = json.loads(tab.run(f"{element('player-data')}.textContent"))["tracks"][0]
        frames = packed["frames"]
        assert press(tab, "player", "ArrowRight").startswith(f"frame 1 of {frames}, 0.02 s, error ")
        assert press(tab, "player", "ArrowLeft").startswith(f"frame 0 of {frames}")
        assert press(tab, "player", "ArrowLeft").startswith(f"frame {frames - 1} of {frames}")

        # At a quarter of the speed it shows the next frame after four times 20 ms, from the last to the first.
        tab.run(HELD_CLOCK)
        tab.run(f"{element('speed')}.value = 0.25, {element('play')}.click()")
        tick = f"tick(%d), {element('readout')}.textContent"
        assert tab.run(tick % 0).startswith(f"frame {frames - 1} of")
        assert tab.run(tick % 75).startswith(f"frame {frames - 1} of")
        assert tab.run(tick % 10).startswith("frame 0 of")
        before = tab.run(f"{element('scene')}.data[0].x")
        assert tab.run(tick % 80).startswith("frame 1 of")
        assert tab.run(f"{element('scene')}.data[0].x") != before
        assert tab.run(f"{element('play')}.textContent") == "Pause"
        shown = press(tab, "slider", " ")
        assert tab.run(f"{element('play')}.textContent") == "Play"
        assert tab.run(tick % 800) == shown
        tab.run("release()")

        # The truth stands on the prediction or beside it; colours are errors or sides.
        beside = f"({element('scene')}.data[1].x[0] - {element('scene')}.data[0].x[0])"
        near = tab.run(beside)
        assert isinstance(tab.run(f"{element('scene')}.data[0].line.color[0]"), float)
        tab.run(f"{element('overlay')}.click(), {element('coloured')}.click()")
        assert tab.run(beside) > near + 0.5
        assert tab.run(f"{element('scene')}.data[0].line.color[0]").startswith("#")

        # A turn by mouse stays while frames are drawn, and another track can be chosen.
        tab.run(f"{element('scene')}.scrollIntoView()")
        box = tab.run(f"{element('scene')}.getBoundingClientRect().toJSON()")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        eye = f"{element('scene')}._fullLayout.scene._scene.getCamera().eye"
        mouse = {"button": "left", "buttons": 1, "clickCount": 1}
        start = tab.run(eye)["x"]
        tab.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **mouse)
        for step in (1, 2):
            before = tab.run(eye)["x"]
            tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + 20 * step, y=y, **mouse)
            tab.wait(f"Math.abs({eye}.x - {before}) > 0.05")
            press(tab, "player", "ArrowRight")
        tab.run("new Promise(requestAnimationFrame)")
        assert abs(tab.run(eye)["x"] - start) > 0.1
        tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + 40, y=y, **mouse)
        tab.run(f"{element('choice')}.selectedIndex = 1, {element('choice')}.dispatchEvent(new Event('change'))")
        assert tab.run(f"{element('readout')}.textContent").startswith("frame 0 of ")

        with Image.open(io.BytesIO(tab.screenshot())) as image:
            pixels = np.asarray(image.convert("RGB"), int)
        assert (np.ptp(pixels, axis=-1) > 60).sum() > 500  # the coloured bones are there
        assert not tab.errors
        assert {address for address in tab.requests if not address.startswith(("data:", "blob:"))} == {
            (run / "report.html").as_uri()
        }
