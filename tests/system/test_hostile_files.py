"""Whatever is in a file: an answer or one `InputError`; nothing in it is run, believed, or followed out of its folder.

The damage is `corpus`'s; motion capture is in tests/test_hostile_captures.py, keypoints are in tests/test_formats.py.
"""

import contextlib
import io
import json
import shutil

import jax
import numpy as np
import pytest
from helpers import corpus
from helpers.corpus import assert_refuses
from helpers.samples import DESCRIPTION, make_track
from hypothesis import given
from hypothesis import strategies as st

from data_prep import check
from data_prep.writer import data_set
from jaxpose import evaluate
from jaxpose.data import store
from jaxpose.data.track import description_from_dict
from jaxpose.files import guarded_read
from jaxpose.runs import checkpoint, folder, trained
from jaxpose.runs.log import append_log, cut_log, read_log
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.visualization import figures

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared data set to damage: one subject, two short tracks."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    clips = {"Walking": 12, "Sitting": 9}
    data_set.write(
        folder,
        DESCRIPTION._replace(splits=("S9",)),
        lambda subject: [make_track(subject=subject, action=action, frames=n, seed=n) for action, n in clips.items()],
        text="made by the tests",
    )
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """The run of an untrained network to damage, with a log."""
    run = tmp_path_factory.mktemp("hostile") / "run"
    config = Config(data=str(data), train_split="S9", test_split="S9", filter_widths=(3,), channels=8, batch_size=8)
    folder.write_settings(run, config, DESCRIPTION)
    with checkpoint.open_checkpoints(run) as checkpoints:
        checkpoint.save(checkpoints, 7, setup.init(setup.build_recipe(config, DESCRIPTION, 65), jax.random.key(3)))
    for step in (50, 100, 150):
        append_log(run, {"step": step, "epoch": step / 100, "loss": 0.5, "learning_rate": 1e-3})
    return run


# Data sets.


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "metadata.json", "*S9.array_record*"])
def test_a_damaged_data_set(data, name):
    (file,) = data.glob(name)
    outcomes = assert_refuses(lambda: store.read_tracks(data, "S9"), file, named=str(data))
    assert outcomes["refused"] > 20


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "metadata.json", "*S9.array_record*"])
@given(st.data())
def test_an_edited_data_set(data, name, draw):
    (file,) = data.glob(name)
    content = file.read_bytes()
    try:
        file.write_bytes(draw.draw(corpus.edits(content)))
        description, tracks = store.read_tracks(data, "S9")
    except InputError:
        return
    finally:
        file.write_bytes(content)
    assert all(track.contract_violation(track, description) == "" for track in tracks)


def edited(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


STRANGER = "stranger.Feature"
SPELLINGS = [
    {"pythonClassName": STRANGER},
    {"python_class_name": STRANGER},
    {"type": STRANGER, "content": {}},
    {"type": STRANGER, "content": "{}", "proto_cls": "tensorflow_datasets.TextFeature"},
    {"pythonClassName": "tensorflow_datasets.stranger.Feature"},
    {"pythonClassName": "tensorflow_datasets.core.features.video_feature.Video"},  # would run ffmpeg
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", ["fps", "", "new"])
def test_no_class_that_a_file_names_is_imported(data, tmp_path, monkeypatch, spelling, field):
    copy = shutil.copytree(data, tmp_path / "copy")
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def name_it(features):
        node = features if not field else features["featuresDict"]["features"].setdefault(field, {})
        node.clear()
        node.update(spelling)

    edited(copy / "features.json", name_it)
    with pytest.raises(InputError, match=r"features\.json (names a foreign class|has a foreign entry)"):
        store.read_tracks(copy, "S9")


TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.update(name="../data/pose_tracks"),
        lambda info: info["splits"][0].update(filepathTemplate="../data/{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"),
        lambda info: info["splits"][0].update(
            filepathTemplate="{SPLIT}/../{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        ),
        lambda info: info["splits"][0].update(name="../S9"),
        lambda info: info.update(fileFormat="tfrecord"),
        lambda info: info.update(fileFormat="riegeli"),
    ],
)
def test_records_are_in_the_folder_itself(data, tmp_path, change):
    copy = shutil.copytree(data, tmp_path / "copy")
    shutil.copytree(data, tmp_path / "data")
    edited(copy / "dataset_info.json", change)
    with pytest.raises(InputError, match=r"leads out of the folder|not array_record files|is not a prepared data set"):
        store.read_tracks(copy, "S9")


@pytest.mark.parametrize("field", ["subject", "action", "camera"])
@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\0", "x" * 501])
def test_names_that_a_terminal_or_a_path_would_obey_are_no_names(field, text):
    track = make_track()._replace(**{field: text})
    assert f"{field} is not one line" in track.contract_violation(track, DESCRIPTION)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 5), ("title", "a\nb"), ("title", "\ud800"), ("synthetic", "no"), ("channels", 4), ("channels", None),
        ("fps", "50"), ("fps", 0), ("fps", float("nan")), ("extent", -1.0), ("extent", []),
        ("splits", "S1"), ("splits", [1]), ("splits", ["\x07"]), ("skeleton", []), ("layout", None), ("skeleton", {}),
        ("skeleton", H36M_17.to_dict() | {"parents": [0.5] * 17}), ("fresh", 1),
        ("skeleton", H36M_17.to_dict() | {"joints": [1] * 17}),
        ("skeleton", H36M_17.to_dict() | {"left": 3}), ("layout", H36M_17.to_dict() | {"angles": [{}]}),
        ("skeleton", H36M_17.to_dict() | {"name": "x" * 1000}),
    ],
)  # fmt: skip
def test_descriptions_of_other_kinds(field, value):
    sound = DESCRIPTION._asdict() | {field: getattr(DESCRIPTION, field).to_dict() for field in ("skeleton", "layout")}
    assert description_from_dict(sound) == DESCRIPTION
    with pytest.raises(ValueError, match=r"\w"):
        description_from_dict(sound | {field: value})


# Runs.


@pytest.mark.parametrize("name", ["config.json", "data.json"])
def test_damaged_settings(run, name):
    assert assert_refuses(lambda: trained.read_settings(run), run / name, named=str(run), most=200)["refused"] > 50


@pytest.mark.parametrize("read", [read_log, lambda run: cut_log(run, 10**9)])
def test_a_damaged_log(run, read):
    content = (run / "metrics.jsonl").read_text()
    assert_refuses(lambda: read(run), run / "metrics.jsonl", most=120)
    assert (run / "metrics.jsonl").read_text() == content


@given(st.data())
def test_an_edited_run(run, draw):
    file = run / draw.draw(st.sampled_from(["config.json", "data.json", "metrics.jsonl"]))
    content = file.read_bytes()
    try:
        file.write_bytes(draw.draw(corpus.edits(content)))
        config, description = folder.read_settings(run)
        jax.eval_shape(lambda: setup.variable_shapes(setup.build_model(config, description), description))
        figures.training_curves(read_log(run), title=description.title)
    except InputError:
        pass
    finally:
        file.write_bytes(content)


def test_every_setting_of_another_kind_is_refused(run, tmp_path):
    """Whatever the field: what remains is a `Config` that can be used."""
    settings = json.loads((run / "config.json").read_text())
    for field in settings:
        for value in (*corpus.WRONG, {"angle": "1"}, [3, "3"], [[3]]):
            (run / "config.json").write_text(json.dumps(settings | {field: value}))
            try:
                config, _ = folder.read_settings(run)
            except InputError:
                continue
            assert type(getattr(config, field)) is not type(None) or field in ("steps", "validation_split")
            hash(config)
    (run / "config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("name", ["_METADATA", "_sharding", "_CHECKPOINT_METADATA", "manifest.ocdbt", "d/*"])
def test_a_damaged_checkpoint(run, tmp_path, name):
    copy = shutil.copytree(run, tmp_path / "run")
    largest = max((copy / "checkpoints").rglob(name), key=lambda file: file.stat().st_size)
    corpus_of = {file: file.read_bytes() for file in (copy / "checkpoints").rglob("*") if file.is_file()}
    for damage in corpus.spoilt(largest, most=6):
        try:
            opened = trained.open_run(copy)
        except InputError as error:
            assert str(copy) in str(error), damage  # noqa: PT017
        else:
            assert jax.tree.all(jax.tree.map(lambda leaf: leaf.dtype == np.float32, opened.variables)), damage
    assert all(file.read_bytes() == content for file, content in corpus_of.items())


def test_weights_that_are_declared_and_not_there_are_not_made(tmp_path):
    """A file of a few bytes can declare any shape: what is not stored, TensorStore fills in."""
    config = Config(filter_widths=(3,), channels=4000)
    model = setup.build_model(config, DESCRIPTION)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), setup.variable_shapes(model, DESCRIPTION))
        checkpoint.save(checkpoints, 1, zeros)
    checkpoint._FLOOR, floor = 2**20, checkpoint._FLOOR
    try:
        with pytest.raises(InputError, match=r"declares .* bytes and holds"):
            checkpoint.load(tmp_path, zeros)
    finally:
        checkpoint._FLOOR = floor


# The commands.


def test_what_data_say_of_themselves_is_shown_not_obeyed(run, tmp_path, capsys):
    """Brackets are markup to rich, dollars are formulas to matplotlib, and both raise for wrong ones."""
    title = r"[/red] $\frac{ [link=x]"
    tracks = [make_track(subject="S9", action="[/bold]", frames=12)._replace(camera="$^$")]
    description = DESCRIPTION._replace(splits=("S9",), title=title)
    data_set.write(tmp_path / "data", description, lambda subject: tracks, text="")
    evaluate.main([str(run), "--data", str(tmp_path / "data"), "--split", "S9"])
    shown = capsys.readouterr().out
    assert title in shown
    assert "[/bold]" in shown
    with pytest.raises(SystemExit):  # random bodies are suspect
        check.main([str(tmp_path / "data"), "--out", str(tmp_path / "sheet.png")])
    assert "S9/[/bold]/$^$" in capsys.readouterr().out
    figures.training_curves([], title=title).savefig(io.BytesIO())


@pytest.mark.parametrize("spoil", ["is a folder", "is a pipe that nobody writes to", "leads to a device without end"])
def test_commands_end_in_one_line(run, refusal, spoil):
    (damage,) = (damage for damage in corpus.damages(b"") if damage.name == spoil)
    for file in (run / "config.json", run / "data.json"):
        kept = file.rename(file.with_suffix(".kept"))
        damage.make(file)
        try:
            assert str(file) in refusal(evaluate.main, [str(run)])
        finally:
            corpus._remove(file)
            kept.rename(file)


# Other files.


def test_small_files_are_read_with_suspicion(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, NaN]}')
    assert guarded_read.read_json(tmp_path / "a.json")["a"][0] == 1
    with pytest.raises(ValueError, match="more than 3 bytes"):
        guarded_read.read_text(tmp_path / "a.json", most=3)
    with pytest.raises(FileNotFoundError):
        guarded_read.read_bytes(tmp_path / "none", most=3)
    for damage in corpus.spoilt(tmp_path / "a.json"):
        with contextlib.suppress(FileNotFoundError, ValueError):
            assert "a.json" not in damage
            guarded_read.read_json(tmp_path / "a.json")
