"""The staging folder: what an interrupted process had finished is used by the same work, and by no other."""

import filelock
import pytest
from helpers.legs import DESCRIPTION, track, tracks, write

from data_prep.writer.source import Source
from data_prep.writer.staging import finished_record, staging_folder
from jaxpose.runtime.errors import InputError

SOURCE = Source(DESCRIPTION, tracks, text="made by a test")


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "input").write_text("poses")
    return [tmp_path / "input"]


def interrupt(out, source, inputs):
    """Finish the first split of some work and begin the second, then press Ctrl-C."""

    def work():
        with staging_folder(out, source, inputs) as folder:
            (folder / "data" / "shard").write_text("first")
            finished_record(folder, "S1").write_text("{}")
            (folder / "subject_2.draft").write_text("half")
            (folder / "new-subject_2").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_source_that_fails_leaves_nothing(tmp_path, error):
    def failing(subject):
        yield track(subject)
        raise error

    with pytest.raises(error):
        write(tmp_path / "out", failing)
    assert names_in(tmp_path) == []


def test_the_same_work_finds_what_was_finished(tmp_path, inputs):
    interrupt(tmp_path / "out", SOURCE, inputs)
    with staging_folder(tmp_path / "out", SOURCE, inputs) as folder:
        assert names_in(folder) == ["S1.json", "data", "lock", "source"]
        assert (folder / "data" / "shard").read_text() == "first"
    assert names_in(tmp_path) == ["input"]


@pytest.mark.parametrize("change", ["source", "input"])
def test_other_work_finds_nothing(tmp_path, inputs, change):
    interrupt(tmp_path / "out", SOURCE, inputs)
    if change == "input":
        inputs[0].write_text("other poses")
    source = SOURCE._replace(text="changed") if change == "source" else SOURCE
    with staging_folder(tmp_path / "out", source, inputs) as folder:
        assert names_in(folder) == ["data", "lock", "source"]
        assert names_in(folder / "data") == []


def test_a_second_process_is_refused(tmp_path):
    (tmp_path / ".out.parts").mkdir()
    with (
        filelock.FileLock(tmp_path / ".out.parts" / "lock"),
        pytest.raises(InputError, match="out is being prepared by another process; wait for it"),
        staging_folder(tmp_path / "out", SOURCE, []),
    ):
        pass
