"""Fields of documents: there, of their kind, and not too long."""

from pathlib import Path

import numpy as np
import pytest

from jaxpose.keypoints import fields
from jaxpose.runtime.errors import InputError

PATH = Path("dance.json")


def test_sizes_as_programs_write_them():
    assert fields.stated_size(1920, 1080) == (1920, 1080)
    assert fields.stated_size(1920.0, "1080") == (1920, 1080)
    for width in (None, 0, 0.0, -5, 1920.5, "wide", "", [1920], {}, float("nan"), float("inf"), 10**400):
        assert fields.stated_size(width, 1080) is None
        assert fields.stated_size(1080, width) is None


def test_numbers_name_the_row_that_is_none():
    places = ["row 0", "row 1"]
    np.testing.assert_array_equal(fields.number_array(PATH, [[1, 2], [3, None]], places, "xy"), [[1, 2], [3, np.nan]])
    with pytest.raises(InputError, match=r"'xy' of row 1 has shape \(1,\), the first \(2,\)"):
        fields.number_array(PATH, [[1, 2], [3]], places, "xy")
    for wrong in ("a", {}, 10**400):
        with pytest.raises(InputError, match="'xy' of row 1 are not numbers"):
            fields.number_array(PATH, [[1, 2], [3, wrong]], places, "xy")


def test_fields_are_there_and_of_their_kind():
    assert fields.required_field(PATH, {"fps": 25}, "fps", int, "the file") == 25
    for node in ({}, [], None, {"fps": True}, {"fps": "25"}):
        with pytest.raises(InputError, match="the file has a missing or invalid 'fps'"):
            fields.required_field(PATH, node, "fps", int, "the file")


def test_flat_lists_are_triples():
    np.testing.assert_array_equal(fields.split_triples(PATH, np.arange(6).reshape(1, 6)), [[[0, 1, 2], [3, 4, 5]]])
    triples = np.arange(18).reshape(2, 3, 3)
    np.testing.assert_array_equal(fields.split_triples(PATH, triples), triples)
    for flat in (np.zeros((1, 4)), np.zeros((2, 0)), np.zeros((1, 3, 2)), np.zeros((1, 0, 3)), np.zeros(3)):
        with pytest.raises(InputError, match="must be flat lists"):
            fields.split_triples(PATH, flat)


def test_long_files_are_not_read(tmp_path, monkeypatch):
    (tmp_path / "long.json").write_text("[" + " " * 2**20)
    monkeypatch.setattr(fields, "MAX_BYTES", 2**20)
    with pytest.raises(InputError, match=r"long\.json is longer than the 1 MiB that are read; split the video"):
        fields.read_keypoint_text(tmp_path / "long.json")
