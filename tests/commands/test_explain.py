"""The command leaves a whole folder or none, and what it shows is of the poses that evaluation scores."""

import shutil

import jax
import numpy as np
import pytest
from helpers.pages import Page
from matplotlib.figure import Figure
from matplotlib.image import imread

from jaxpose import explain
from jaxpose.data.load import load
from jaxpose.data.windows import pack
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import read_settings, write_settings
from jaxpose.runtime.devices import data_mesh, replicate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.training import attribution, setup
from jaxpose.training.attribution import TERMS
from jaxpose.training.config import Config
from jaxpose.visualization.attribution_page import FIGURES

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """A run that has learnt nothing yet."""
    run = tmp_path_factory.mktemp("runs") / "run"
    config = Config(data=str(prepared), test_split="S9", filter_widths=(3, 3), channels=8, batch_size=8)
    description, _ = load(config.data, config.test_split)
    write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        checkpoint.save(checkpoints, 0, setup.init(setup.build_recipe(config, description, 8), jax.random.key(0)))
    return run


@pytest.fixture(scope="module")
def inspected(run):
    """The folder that the command leaves, and what it found on the way."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain, "STEPS", 5)
        patch.setattr(explain, "look", lambda *given, look=explain.look: found.append(look(*given)) or found[0])
        explain.main([str(run), "--track", "S9/Walking/0", "--frames", "2", "21", "--frame", "7"])
    return run / "inspection" / "S9-Walking-55011271", *found[0]


def test_the_page_shows_every_term_and_every_figure_and_needs_no_network(inspected):
    folder = inspected[0]
    text = (folder / "index.html").read_text("utf-8")
    page = Page(text)
    assert set(TERMS) <= set(page.words)
    assert any("sample motion, S9/Walking/55011271, frames 2 to 21 of 40" in words for words in page.words)
    assert sorted(page.links) == sorted(FIGURES)
    assert {file.name for file in folder.iterdir()} == {"index.html", *FIGURES}
    assert "//" not in text
    assert "url(" not in text
    assert all(imread(folder / file).shape[1] > 500 for file in FIGURES)


def test_what_is_inspected_is_what_evaluation_scores(run, inspected, prepared):
    _, pose, target, findings = inspected
    description, tracks = load(str(prepared), "S9")
    model, mesh = setup.build_model(read_settings(run)[0], description), data_mesh()
    shapes = jax.eval_shape(lambda: setup.initial_variables(model, description, jax.random.key(0)))
    variables, data = replicate((checkpoint.load(run, shapes), pack(tracks)), mesh)
    (first,) = (int(data.first[place]) for place, track in enumerate(tracks) if track.action == "Walking")
    lifted = predict_tracks(model, variables, data, description, mesh)[first + 2 : first + 22]
    np.testing.assert_allclose(pose, lifted[5], atol=1e-5)
    np.testing.assert_array_equal(target, data.poses[first + 7])
    values = attribution.values(lifted, data.poses[first + 2 : first + 22], description.skeleton)
    for term, found in zip(TERMS, findings.values, strict=True):
        np.testing.assert_allclose(found, values[term], rtol=1e-2, atol=1e-7)
    np.testing.assert_allclose(findings.paths[:, 0], np.broadcast_to(pose, (len(TERMS) + 1, 17, 3)), atol=1e-6)
    sums = findings.values.sum(axis=(1, 2))
    np.testing.assert_allclose(findings.losses[:, 0], [*sums, sums.sum()], rtol=1e-2)


@pytest.fixture
def quick(inspected, monkeypatch):
    """The command finds what was found before, and draws nothing much."""
    monkeypatch.setattr(explain, "look", lambda *_: inspected[1:])
    monkeypatch.setattr(explain, "draw", lambda *_: {"pulls.png": Figure()})


def test_the_table_is_printed(run, quick, tmp_path, capsys):
    explain.main([str(run), "--out", str(tmp_path / "deep" / "out")])
    printed = capsys.readouterr().out
    assert set(TERMS) <= set(printed.split())
    assert "sample motion, S9/Walking/55011271, frames 0 to 39 of 40" in printed
    assert (tmp_path / "deep" / "out" / "index.html").exists()


def test_an_occupied_folder_is_refused(run, inspected, refusal):
    before = (inspected[0] / "index.html").read_text("utf-8")
    line = refusal(explain.main, [str(run), "--track", "S9/Walking/0"])
    assert line.endswith("already exists; remove it, or name another folder with --out")
    assert (inspected[0] / "index.html").read_text("utf-8") == before


def test_a_folder_that_cannot_be_written_whole_is_not_there(run, quick, monkeypatch, tmp_path, refusal):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    assert "No space left" in refusal(explain.main, [str(run), "--out", str(tmp_path / "out")])
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    assert "cannot be made" in refusal(explain.main, [str(run), "--out", str(tmp_path / "file" / "out")])


def test_what_is_not_there_is_refused(run, tmp_path, refusal):
    assert "is not a run" in refusal(explain.main, [str(tmp_path)])
    out = ["--out", str(tmp_path / "out")]
    line = refusal(explain.main, [str(run), "--track", "S9/Walkin/0", *out])
    assert "there is no track 'S9/Walkin/0'" in line
    assert line.endswith("it has 2, such as S9/Walking/55011271, S9/Sitting/55011271")
    assert "the track has frames 0 to 39" in refusal(explain.main, [str(run), "--frames", "3", "40", *out])
    assert "split 'S7' is unknown" in refusal(explain.main, [str(run), "--split", "S7", *out])
    shutil.copytree(run, tmp_path / "empty", ignore=shutil.ignore_patterns("checkpoints", "inspection"))
    assert "has no checkpoint" in refusal(explain.main, [str(tmp_path / "empty")])
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}


@pytest.mark.parametrize(
    ("total", "drawn", "frames", "window"),
    [
        (200, None, None, (80, 160, 120)),
        (200, None, (0, 50), (0, 50, 40)),
        (200, 10, None, (0, 80, 10)),
        (200, 199, None, (119, 199, 199)),
        (30, None, None, (0, 29, 20)),
        (1, None, None, (0, 0, 0)),
        (200, 7, (7, 7), (7, 7, 7)),
    ],
)
def test_windows(total, drawn, frames, window):
    errors = np.zeros(total)
    errors[[20 % total, 40 % total, 120 % total]] = 1, 2, 3
    if total == 30:
        errors[20] = 9
    assert explain.choose_window(errors, drawn, frames) == window


@pytest.mark.parametrize(
    ("drawn", "frames"), [(200, None), (-1, None), (5, (6, 9)), (None, (9, 8)), (None, (-1, 8)), (None, (0, 200))]
)
def test_windows_that_are_not_there(drawn, frames):
    with pytest.raises(InputError, match=r"--frames? is"):
        explain.choose_window(np.zeros(200), drawn, frames)


def test_the_table_weighs_and_finds_the_worst():
    number = len(TERMS)
    values = np.zeros((number, 4, 17))
    values[0, 1, 3] = 0.002  # metres
    values[-1, 2] = 0.001
    findings = explain.Findings(values, None, None, np.arange(number, 0.0, -1), None, None)
    rows = explain.tabulate(findings, {"position": 1.0, "angle": 0.5}, explain.Window(10, 13, 11), H36M_17).rows
    assert [row[0] for row in rows] == list(TERMS)
    total = number * (number + 1) / 2
    share = number / (number + 0.5 * (number - 1))
    assert rows[0] == ("position", "1", "2", "right_ankle", "11", f"{100 * share:.1f}", f"{100 * number / total:.1f}")
    assert rows[1][:6] == ("angle", "0.5", "0", "–", "–", f"{100 * (1 - share):.1f}")
    assert rows[-1][1:6] == ("0", "17", "–", "12", "0.0")  # a frame, but no joint before the others
