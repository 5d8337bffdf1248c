"""`jaxpose export` writes a network to a file, and refuses what it cannot write before it reads the run."""

import pytest

from jaxpose import __main__ as script
from jaxpose.export import __main__ as command

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_a_run_becomes_stablehlo(untrained, tmp_path, capsys):
    file = tmp_path / "lifter.stablehlo"
    script.main(["export", str(untrained), "--out", str(file)])
    assert capsys.readouterr().out.splitlines() == [
        f"Written: {file}, 0.0 MB",
        f"Written: {file}.json, which says what goes in and comes out",
    ]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["lifter.stablehlo", "lifter.stablehlo.json"]


def test_the_lifter_that_comes_with_jaxpose_becomes_onnx(tmp_path, capsys):
    onnx = pytest.importorskip("onnx", reason="onnx, of the extra test, is not installed")
    file = tmp_path / "lifter.onnx"
    command.main(["--out", str(file)])
    assert capsys.readouterr().out.startswith(f"Written: {file}, ")
    onnx.checker.check_model(file)


def test_what_cannot_be_written_is_refused(untrained, tmp_path, refusal):
    line = refusal(command.main, ["no run", "--out", str(tmp_path / "lifter.pt")])
    assert line.endswith("lifter.pt: the suffix names the format; end it with .stablehlo or .onnx")
    assert "no run" in refusal(command.main, ["no run", "--out", str(tmp_path / "l.onnx")])
    assert "has no best checkpoint" in refusal(
        command.main, [str(untrained), "--out", str(tmp_path / "l.onnx"), "--checkpoint", "best"]
    )
    (tmp_path / "l.onnx").touch()
    assert "l.onnx already exists" in refusal(command.main, [str(untrained), "--out", str(tmp_path / "l.onnx")])
    assert (tmp_path / "l.onnx").read_bytes() == b""
