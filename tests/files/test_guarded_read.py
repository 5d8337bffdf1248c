"""Files that anyone may have made: no more of them is read than allowed, whatever they are."""

import contextlib

import pytest
from helpers import corpus

from jaxpose.files import guarded_read


def test_files_are_read_up_to_a_limit_or_refused(tmp_path):
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


def test_content_comes_back(tmp_path):
    (tmp_path / "a.txt").write_bytes("ü\r\n".encode())
    assert guarded_read.read_bytes(tmp_path / "a.txt", most=4) == "ü\r\n".encode()
    assert guarded_read.read_text(tmp_path / "a.txt", most=4) == "ü\r\n"


def test_json_that_is_nested_too_deeply_is_refused():
    with pytest.raises(ValueError, match="it is nested too deeply"):
        guarded_read.parse_json("[" * 100_000)
