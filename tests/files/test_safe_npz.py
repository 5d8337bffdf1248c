"""Reading npz archives without trusting them: what numpy writes comes back, what a stranger crafts is refused."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from jaxpose.files.safe_npz import load_npz, load_pickle
from jaxpose.runtime.errors import InputError

TREE = {
    "S1": {"Walking 1": [np.arange(12, dtype=np.float32).reshape(2, 3, 2), np.ones((1, 2), ">f8")], "empty": []},
    "metadata": {"num_joints": 17, "layout_name": "h36m", "keypoints_symmetry": [[4, 5], (1, 2)], "none": None},
    "orders": [np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((0, 17, 3), np.float32), np.array(True)],
    "scalars": [np.float32(1.5), np.int64(-3), np.str_("ä"), 2.5, 10**30, np.complex64(1j)],
    "text": [np.array(["a", "bcd"]), np.array([b"x"]), b"bytes\xff", "ünï"],
    "ragged": np.array([np.zeros(2), "x", [1, 2]], object),
}


def same(found, expected) -> bool:
    """Equal in value, type and shape, all the way down."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, np.ndarray):
        if (found.dtype, found.shape) != (expected.dtype, expected.shape):
            return False
        return same(found.tolist(), expected.tolist())
    return found == expected


def archive(path, pickled: bytes, name="positions_3d.npy"):
    """An npz file whose one member is an object array with that pickle."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": ()})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, head.getvalue() + pickled)
    return path


def refusal(path, **options) -> str:
    """The message of the error that reading the file raises: one line that begins with the file's name."""
    with pytest.raises(InputError) as raised:
        load_npz(path, **options)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_back_what_numpy_saves(tmp_path, save):
    save(tmp_path / "file.npz", tree=TREE, plain=np.eye(3), objects=TREE["ragged"])
    found = load_npz(tmp_path / "file.npz")
    assert list(found) == ["tree", "plain", "objects"]
    assert same(found["tree"], TREE)
    assert same(found["plain"], np.eye(3))
    assert same(found["objects"], TREE["ragged"])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_every_pickle_protocol(tmp_path, protocol):
    whole = np.array(TREE, object)
    assert same(load_npz(archive(tmp_path / "file.npz", pickle.dumps(whole, protocol)))["positions_3d"], TREE)
    assert same(load_pickle(pickle.dumps(TREE, protocol), "file.pkl"), TREE)


def test_reads_what_python_2_wrote(tmp_path):
    """Strings stand for bytes there; the opcodes are written out, as no Python 2 is at hand."""
    data = struct.pack("<2f", 1.5, -2.0)
    dtype = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    inner = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    inner += b"(K\x01K\x02\x85" + dtype + b"\x89U\x08" + data + b"tb"
    objects = b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    outer = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    outer += b"(K\x01)" + objects + b"\x89]}U\x02S1" + inner + b"satb."
    found = load_npz(archive(tmp_path / "file.npz", outer))["positions_3d"]
    assert same(found, {"S1": np.array([1.5, -2.0], np.float32)})


def test_objects_that_a_pickle_shares_stay_shared(tmp_path):
    """Else forty lists, each twice in the next, would take 2⁴⁰ steps."""
    nested = [np.zeros(2)]
    for _ in range(40):
        nested = [nested, nested]
    found = load_npz(archive(tmp_path / "file.npz", pickle.dumps(nested)))["positions_3d"]
    assert found[0] is found[1]


class Calls:
    """Pickles to a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch {}",), "posix.system"),
        (eval, ("open({!r}, 'w')",), "builtins.eval"),
        (open, ("{}", "w"), "io.open"),
        (getattr, (np, "fromfile"), "builtins.getattr"),
        (np.save, ("{}", 1), "numpy.save"),
        (np.lib.format.open_memmap, ("{}",), "numpy.lib"),
        (np.ones, (3,), "numpy.ones"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_calls_are_refused_and_nothing_runs(tmp_path, function, arguments, named, protocol):
    touched = tmp_path / "touched"
    arguments = [a.format(str(touched)) if isinstance(a, str) else a for a in arguments]
    arguments = ["module" if a is np else a for a in arguments]  # modules do not pickle; the call is refused anyway
    crafted = pickle.dumps({"S1": [Calls(function, *arguments)]}, protocol)
    assert named.split(".")[-1] in refusal(archive(tmp_path / "file.npz", crafted))
    assert not touched.exists()


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
FLOATS = b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
BUFFER = b"cnumpy.core.numeric\n_frombuffer\n(S'abcd'\n" + FLOATS + b"%sS'C'\ntR."
POINTERS = b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR(I3\nS'|'\nN(S'a'\nt(dS'a'\n(" + FLOATS + b"I0\ntsI8\nI1\nI0\ntb"


def test_the_crafted_buffer_is_read_when_its_shape_is_right():
    found = load_pickle(BUFFER % b"(I1\nt", "file.pkl")
    assert same(found, np.frombuffer(b"abcd", "<f4"))


@pytest.mark.parametrize(
    "crafted",
    [
        ARRAY + b"(I1\n(I1000000000000\nt" + FLOATS + b"I00\nS'abcd'\ntb.",  # a shape beyond its bytes
        ARRAY + b"(I1\n(I-1\nI-1\nt" + FLOATS + b"I00\nS'abcd'\ntb.",
        ARRAY + b"(I1\n(I2\nt" + FLOATS.replace(b"f4", b"O8") + b"I00\n(ltb.",  # fewer objects than the shape says
        ARRAY + b"(I1\n(I1\nt" + POINTERS + b"I00\nS'abcdefgh'\ntb.",  # a structure, its offsets made up
        ARRAY + b"(I1\n(I1\nt" + FLOATS.replace(b"f4", b"M8") + b"I00\nS'abcdefgh'\ntb.",
        ARRAY + b"(I1\n(I1\nt" + FLOATS.replace(b"f4", b"U1") + b"I00\nU\x04\xff\xff\xff\x7ftb.",  # no such character
        ARRAY + b".",  # an array without contents
        b"cnumpy.core.multiarray\nscalar\n(" + FLOATS.replace(b"f4", b"O8") + b"S'abcdefgh'\ntR.",
        b"cnumpy\ndtype\n(tR.",
        b"cnumpy\ndtype\n(dS'__class__'\nI1\nsb.",  # attributes for the class itself
        b"c_codecs\nencode\n(S'x'\nS'zlib_codec'\ntR.",
        b"c__builtin__\nbytes\n(I1000000000000\ntR.",
        b"\x80\x04\x8f.",  # a set
        b"}(cnumpy\nndarray\nI1\nu.",  # a class for a key
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # a memo of two thousand million entries
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\x0f\x00\x00abc.",  # bytes of four terabytes
        b"(" * 2 + b"l" + b"p0\n" + b"]" * 3000 + b"a" * 2999 + b".",  # three thousand lists deep
        b"garbage",
        b"",
        BUFFER % b"(I1000000000000\nt",  # a shape beyond its bytes, out of a buffer
        BUFFER.replace(FLOATS, FLOATS.replace(b"f4", b"O8")) % b"(I1\nt",  # bytes for pointers
        BUFFER.replace(FLOATS, POINTERS) % b"(I1\nt",
        BUFFER.replace(b"S'C'", b"S'A'") % b"(I1\nt",
        BUFFER.replace(b"S'abcd'", b"(ccollections\nOrderedDict\nd") % b"(I1\nt",
        b"\x80\x05\x97.",  # a buffer that is not in the pickle
    ],
)
def test_crafted_pickles_end_in_one_line(tmp_path, crafted):
    refusal(archive(tmp_path / "file.npz", crafted))
    with pytest.raises(InputError, match=r"^file.pkl: [^\n]*$"):
        load_pickle(crafted, "file.pkl")


def test_damaged_files_end_in_one_line(tmp_path):
    whole = tmp_path / "whole.npz"
    np.savez_compressed(whole, positions_3d=TREE)
    content = whole.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.npz").write_bytes(content[:cut])
        assert "copy or download it again" in refusal(tmp_path / "cut.npz")
    (tmp_path / "altered.npz").write_bytes(content[:200] + b"\0\0\0\0" + content[204:])
    refusal(tmp_path / "altered.npz")


def test_other_files_end_in_one_line(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.npz")
    refusal(tmp_path)
    np.save(tmp_path / "plain.npy", np.eye(2))
    assert "not a readable npz archive" in refusal(tmp_path / "plain.npy")
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as file:
        file.writestr("readme.txt", "not an array")
    refusal(tmp_path / "text.npz")


def test_archives_that_unpack_to_too_much_are_refused_unread(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", zeros=np.zeros(10**6))
    assert (tmp_path / "bomb.npz").stat().st_size < 10**5
    assert "more than the 1000000 allowed" in refusal(tmp_path / "bomb.npz", most=10**6)
    assert load_npz(tmp_path / "bomb.npz")["zeros"].shape == (10**6,)


def test_plain_members_are_never_unpickled(tmp_path):
    """A structured type may hide objects: numpy's own reader is told to refuse them."""
    np.savez(tmp_path / "file.npz", fields=np.zeros(2, [("a", object)]))
    refusal(tmp_path / "file.npz")
