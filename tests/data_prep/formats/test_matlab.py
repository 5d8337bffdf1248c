"""MATLAB's files against what scipy and h5py write; whatever the bytes, only an InputError comes out."""

import io
import re
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
import scipy.io
from helpers.matlab_files import cells
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats import matlab
from jaxpose.runtime.errors import InputError

TYPES = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


def mat(compressed=False, **variables):
    """A MAT-file of version 5."""
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables, do_compression=compressed)
    return stream.getvalue()


def hdf5(write, userblock=512):
    """An HDF5 file; with a user block, where MATLAB writes its header, a MAT-file of version 7.3."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", userblock_size=userblock) as file:
        write(file)
    content = bytearray(stream.getvalue())
    if userblock:
        content[:128] = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    return bytes(content)


def mat_73(**variables):
    """A MAT-file of version 7.3: the axes are reversed, and a cell array is of references."""

    def write(file):
        for name, value in variables.items():
            if value.dtype == object:
                parts = [file.create_dataset(f"#refs#/{index}", data=part.T) for index, part in enumerate(value.flat)]
                references = np.array([part.ref for part in parts], h5py.ref_dtype)
                file.create_dataset(name, data=references.reshape(value.T.shape), dtype=h5py.ref_dtype)
            else:
                file.create_dataset(name, data=value.T, compression="gzip")

    return hdf5(write)


def array(dtype="f8", shape=(4, 3, 2), seed=0):
    return np.random.default_rng(seed).uniform(0, 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("write", [mat, lambda **variables: mat(True, **variables), mat_73], ids=["5", "7", "7.3"])
def test_numbers_are_those_that_were_written(write, dtype):
    content = write(before=array("u1"), wanted=array(dtype), after=np.ones((1, 1)))
    found = matlab.read_numbers("file", content, "wanted")
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, array(dtype))


@pytest.mark.parametrize("write", [mat, mat_73])
def test_cells_are_those_that_were_written(write):
    expected = [array("f8", (5, 6)), array("f4", (2, 3, 4)), array("u1", (1, 1))]
    found = matlab.read_cell("file", write(wanted=cells(*expected)), "wanted")
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, other)


def test_doubles_stored_as_small_integers():
    """As MATLAB saves them: the class is double, the stored type uint8. Written out after the documented format."""
    flags = struct.pack("<IIII", 6, 8, 6, 0)
    dimensions = struct.pack("<IIii", 5, 8, 2, 3)
    name = struct.pack("<HH4s", 1, 1, b"x")  # a small element
    data = struct.pack("<II6B2x", 2, 6, 1, 2, 3, 4, 5, 6)
    matrix = flags + dimensions + name + data
    content = bytes(124) + b"\x00\x01IM" + struct.pack("<II", 14, len(matrix)) + matrix
    found = matlab.read_numbers("file", content, "x")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[1, 3, 5], [2, 4, 6]])


def test_the_other_order_of_bytes():
    matrix = struct.pack(">IIIIIIiiHH4sII2d", 6, 8, 6, 0, 5, 8, 1, 2, 1, 1, b"x", 9, 16, 1.5, -2)
    content = bytes(124) + b"\x01\x00MI" + struct.pack(">II", 14, len(matrix)) + matrix
    np.testing.assert_array_equal(matlab.read_numbers("file", content, "x"), [[1.5, -2]])


def test_hdf5_keeps_the_order_of_axes():
    content = hdf5(lambda file: file.create_dataset("3D_positions", data=array(shape=(96, 5))), userblock=0)
    np.testing.assert_array_equal(matlab.read_hdf5("file", content, "3D_positions"), array(shape=(96, 5)))


NUMBERS = cells(array())
REFUSED = {
    "text": mat(x="text"),
    "struct": mat(x={"field": 1}),
    "complex": mat(x=np.array([[1j]])),
    "sparse": mat(x=scipy.sparse.eye_array(3).tocsc()),
    "cell of text": mat(x=cells("text")),
    "text, 7.3": hdf5(lambda file: file.create_dataset("x", data="text")),
    "complex, 7.3": hdf5(lambda file: file.create_dataset("x", data=np.array([[1j]]))),
    "struct, 7.3": hdf5(lambda file: file.create_group("x")),
    "empty": b"",
    "other": b"\x89PNG" * 100,
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("read", [matlab.read_numbers, matlab.read_cell])
def test_what_is_not_of_numbers_is_refused(read, content):
    with pytest.raises(InputError, match=r"^the file: cannot be read as a MAT-file or HDF5 file of numbers \("):
        read("the file", content, "x")


@pytest.mark.parametrize("write", [mat, mat_73])
def test_a_missing_variable_names_those_that_are_there(write):
    with pytest.raises(InputError, match=r"^the file: has no variable 'x', only 'a', 'b'; take the file as it was"):
        matlab.read_numbers("the file", write(a=array(), b=array()), "x")


@pytest.mark.parametrize("write", [mat, mat_73])
def test_cells_and_numbers_are_told_apart(write):
    content = write(cell=NUMBERS, numbers=array())
    with pytest.raises(InputError, match="'cell' is a cell array, not numbers"):
        matlab.read_numbers("the file", content, "cell")
    with pytest.raises(InputError, match="'numbers' is not a cell array of numbers"):
        matlab.read_cell("the file", content, "numbers")
    nested = mat(x=cells(NUMBERS))
    with pytest.raises(InputError, match="'x' is not a cell array of numbers"):
        matlab.read_cell("the file", nested, "x")


def test_nothing_outside_the_file_is_read(tmp_path):
    np.arange(8.0).tofile(tmp_path / "secret")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = array()
    layout = h5py.VirtualLayout((4, 3, 2), "f8")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "x", (4, 3, 2))

    def write(file):
        file["linked"] = h5py.ExternalLink(tmp_path / "other.h5", "x")
        file["soft"] = h5py.SoftLink("/linked")
        file.create_dataset("raw", (2, 4), "f8", external=[(tmp_path / "secret", 0, 64)])
        file.create_virtual_dataset("virtual", layout)

    content = hdf5(write)
    for name in ("linked", "soft", "raw", "virtual"):
        with pytest.raises(InputError, match="cannot be read as"):
            matlab.read_numbers("the file", content, name)


def test_declared_sizes_are_not_believed(monkeypatch):
    bomb = zlib.compress(struct.pack("<II", 14, 2**31) + bytes(2**20))
    content = bytes(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(bomb)) + bomb
    with pytest.raises(InputError, match=re.escape("a variable declares 2147483648 bytes of type 14")):
        matlab.read_numbers("the file", content, "x")
    content = hdf5(lambda file: file.create_dataset("x", (2**40,), "f8", chunks=(2**10,)))
    with pytest.raises(InputError, match=f"it declares {2**43} bytes"):
        matlab.read_numbers("the file", content, "x")
    monkeypatch.setattr(matlab, "LARGEST_BYTES", 1000)
    assert len(matlab.read_cell("the file", mat_73(x=cells(*[array(shape=(10, 3))] * 4)), "x")) == 4
    with pytest.raises(InputError, match="it declares 240 bytes"):
        matlab.read_cell("the file", mat_73(x=cells(*[array(shape=(10, 3))] * 5)), "x")
    assert matlab.read_numbers("the file", mat(True, x=array(shape=(10, 10))), "x").shape == (10, 10)
    with pytest.raises(InputError, match=r"a variable declares 10\d\d bytes"):
        matlab.read_numbers("the file", mat(True, x=array(shape=(10, 12)), y=np.ones((1, 1))), "x")


def element(kind, data):
    """A data element of version 5, padded to eight bytes."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind, shape, name, content):
    """A matrix of version 5 of one class; 1 is a cell array, 6 double."""
    head = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, head + element(1, name) + content)


NUMBER = matrix(6, (1, 1), b"", element(9, struct.pack("<d", 1.5)))


def test_a_nested_cell_array_takes_no_more_memory_than_the_file_has():
    """A file of 300 bytes whose cell array has a cell array in it that declares 2**29 elements."""
    nested = matrix(1, (1, 1), b"x", matrix(1, (2**14, 2**15), b"", NUMBER))
    content = bytes(124) + b"\x00\x01IM" + nested
    tracemalloc.start()
    with pytest.raises(InputError, match="'x' is not a cell array of numbers"):
        matlab.read_cell("the file", content, "x")
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_cell_arrays_nested_without_end_are_an_error():
    """They are a segmentation fault in scipy, at 20,000."""
    nested = NUMBER
    for depth in range(5000):
        nested = matrix(1, (1, 1), b"x" if depth == 4999 else b"", nested)
    with pytest.raises(InputError, match=r"cannot be read as .*RecursionError"):
        matlab.read_cell("the file", bytes(124) + b"\x00\x01IM" + nested, "x")


SOUND = (mat(x=array(), c=NUMBERS), mat(True, x=array(), c=NUMBERS), mat_73(x=array(), c=NUMBERS))


@given(st.sampled_from(SOUND), st.integers(0, 10**6), st.binary(max_size=8), st.booleans())
def test_damaged_files_end_in_an_input_error(content, place, damage, cut):
    place %= len(content)
    content = content[:place] + damage + (b"" if cut else content[place + len(damage) :])
    for read, name in ((matlab.read_numbers, "x"), (matlab.read_cell, "c")):
        try:
            found = read("the file", content, name)
        except InputError:
            continue
        assert all(value.ndim >= 2 for value in (found if name == "c" else [found]))


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_input_error(content):
    for heading in (b"", bytes(124) + b"\x00\x01IM", b"\x89HDF\r\n\x1a\n"):
        for read in (matlab.read_numbers, matlab.read_cell, matlab.read_hdf5):
            with pytest.raises(InputError, match=r"^the file: "):
                read("the file", heading + content, "x")
