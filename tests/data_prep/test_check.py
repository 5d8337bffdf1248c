"""The command that checks a prepared data set: its output, its contact sheet, and the exit code."""

import json

import pytest
from helpers.bodies import person, with_gap, with_jump
from helpers.samples import DESCRIPTION

from data_prep import check
from data_prep.writer import builder, data_set
from jaxpose.data import store
from jaxpose.skeleton import HUMANEVA_15


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a data set, also one that violates the contract, as only another program would."""

    def write(tracks, description=DESCRIPTION):
        out, splits = tmp_path / "data", tuple(dict.fromkeys(track.subject for track in tracks))
        with monkeypatch.context() as blind:
            for module in (builder, store):
                blind.setattr(module, "contract_violation", lambda track, description: "")
            data_set.write(
                out,
                description._replace(splits=splits),
                lambda subject: [track for track in tracks if track.subject == subject],
                text="made by the tests",
            )
        return out

    return write


def run(*arguments) -> int:
    """The exit code of the command."""
    try:
        check.main(list(map(str, arguments)))
    except SystemExit as stop:
        return stop.code
    return 0


def test_good_data(write, capsys):
    data = write([person(), person("S9")])
    before = sorted(data.iterdir())
    assert run(data) == 0
    shown = capsys.readouterr()
    assert shown.out.count(": 40 frames, 1 s; tracks: 1 at 50 frames/s") == 2
    sheet = data.with_name("data-check.png")
    assert shown.out.splitlines()[-2:] == ["nothing is suspect", f"The contact sheet is {sheet}"]
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert sorted(data.iterdir()) == before


def test_suspect_data(write, capsys, tmp_path):
    data = write([person(), with_jump(person("S9"))])
    assert run(data, "--out", tmp_path / "sheet.png") == 1
    out = capsys.readouterr().out
    assert "suspect: S9/Walking/55011271: fastest joint, m/s: 100.00, head, frame 20\n" in out
    assert "suspect: S1/" not in out
    assert "nothing is suspect" not in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "sheet.png"]


def test_data_that_violates_the_contract(write, capsys):
    assert run(write([with_gap(person()), person("S9")])) == 1
    out = capsys.readouterr().out
    assert "suspect: S1/Walking/55011271: gaps, % of frames: 2.50, frame 3\n" in out
    assert "violates the data contract: S1/Walking/55011271: positions_3d are not finite at frame 3\n" in out


def test_data_in_which_nothing_can_be_examined(write, capsys):
    data = write([person()])
    metadata = json.loads((data / "metadata.json").read_text())
    (data / "metadata.json").write_text(json.dumps(metadata | {"skeleton": HUMANEVA_15.to_dict()}))
    assert run(data) == 1
    out = capsys.readouterr().out
    assert "S1: 0 frames, 0 s; tracks: none" in out
    assert (
        "violates the data contract: S1/Walking/55011271: positions_3d have shape (40, 17, 3), not (frames, 15, 3)"
        in out
    )
    assert not data.with_name("data-check.png").exists()


def test_refusals(write, refusal, tmp_path):
    assert "absent is not a prepared data set (no such folder)" in refusal(check.main, [str(tmp_path / "absent")])
    data = write([person()])
    for out in ("sheet.jpg", "sheet"):
        assert f"--out is {out}; it must end with .png" in refusal(check.main, [str(data), "--out", out])


def test_a_sheet_that_cannot_be_written(write, capsys, tmp_path):
    assert run(write([person()]), "--out", tmp_path / "absent" / "sheet.png") == 2
    assert "sheet.png cannot be written" in capsys.readouterr().err.splitlines()[-1]
