"""CDF files: bounded time and memory whatever a file declares, and the library in use elsewhere is not changed."""

import cdflib.cdfread
import numpy as np
import pytest
from helpers import h36m_files

from data_prep.formats import cdf
from jaxpose.runtime.errors import InputError

POSES = np.random.default_rng(0).normal(size=(1, 5, 96)).astype(np.float32)


def read(content, variable="Pose"):
    return cdf.read_variable("file.cdf", content, variable)


def test_a_variable_is_read(tmp_path):
    np.testing.assert_array_equal(np.squeeze(read(h36m_files.cdf(tmp_path, POSES))), POSES[0])


def test_a_missing_variable_is_named(tmp_path):
    with pytest.raises(InputError, match=r"file.cdf: no variable 'Angles', only Pose"):
        read(h36m_files.cdf(tmp_path, POSES), "Angles")


def test_counts_in_a_file_are_not_believed(tmp_path):
    """`cdflib` loops as often as a file says; found by flipping bits: one took four minutes."""
    content = bytearray(h36m_files.cdf(tmp_path, POSES))
    general = int.from_bytes(content[20:28], "big")
    for position in (general + 44, general + 48, general + 56, general + 60):  # variables, attributes, dimensions
        damaged = content.copy()
        damaged[position : position + 4] = b"\x7f\xff\xff\xff"
        with pytest.raises(InputError, match="not a CDF file, or damaged"):
            read(bytes(damaged))


def test_a_file_unpacks_to_no_more_than_a_recording(tmp_path, monkeypatch):
    content = h36m_files.cdf(tmp_path, np.tile(POSES, (1, 4, 1)), compress=9)
    assert content.count(b"\x1f\x8b\x08") == 1  # it is compressed
    np.testing.assert_array_equal(np.squeeze(read(content))[:5], POSES[0])
    monkeypatch.setattr(cdf, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="unpacks to more than 1000 bytes"):
        read(content)


def test_a_variable_larger_than_any_recording_is_not_read(tmp_path, monkeypatch):
    content = h36m_files.cdf(tmp_path, POSES)
    monkeypatch.setattr(cdf, "MAX_NUMBERS", 400)
    with pytest.raises(InputError, match=r"'Pose' declares the shape \[5, 96\], far more than any recording"):
        read(content)


def test_the_library_stays_as_it_is(tmp_path):
    names = dict(vars(cdflib.cdfread))
    read(h36m_files.cdf(tmp_path, POSES, compress=9))
    assert vars(cdflib.cdfread) == names
