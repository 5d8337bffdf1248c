"""What an array_record file declares, before anything is allocated for it.

The records lie in chunks, compressed, each after a header that says how much it holds. The library that reads them
allocates what a header says; here the headers are read first, one after the other. (A forger could hide a chunk inside
another and point to it from the index: that costs memory, too, but runs nothing.)

Format: "Riegeli/records file format" (Google), of which ArrayRecord files are a case: blocks of 64 KiB, each begun by a
header of 24 bytes, and across them, end to end, chunks of a header of 40 bytes, the compressed records, and padding.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

from jaxpose.data.track import Track

_BLOCK, _BLOCK_HEADER = 2**16, 24
_CHUNK_HEADER = struct.Struct("<QQQQQ")  # hash, size of the data, their hash, kind and number of records, size unpacked
_KINDS = b"srmp"  # signature, records, metadata, padding
_FLOOR = 2**28  # bytes that any file may unpack to: a still pose compresses without limit
_RATIO = 100  # times its size that a larger file may unpack to; motion compresses by less than two


def check_declared(path: Path) -> None:
    """Refuse a file that would unpack to far more than motion does, or whose chunks do not fill it.

    Raises:
      ValueError: it would, or they do not; says which.
      OSError: the file cannot be read.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ValueError(f"{path.name} is not there, or no file")
    size = path.stat().st_size
    most = max(_FLOOR, _RATIO * size)
    with path.open("rb") as file:
        at = unpacked = 0
        while _physical(at) < size:
            _, length, _, kind, declared = _CHUNK_HEADER.unpack(_read(file, at, _CHUNK_HEADER.size))
            kind, records = kind & 0xFF, kind >> 8
            unpacked += declared
            at += max(_CHUNK_HEADER.size + length, records)  # padded, so that every record has a place of its own
            if kind not in _KINDS or _physical(at) - size > _BLOCK_HEADER:
                raise ValueError("its chunks of records are not whole")
            if unpacked > most:
                raise ValueError(f"it declares records of {unpacked} bytes")


def _physical(at: int) -> int:
    """Where in a file byte `at` of the chunks is."""
    return at + _BLOCK_HEADER * (at // (_BLOCK - _BLOCK_HEADER) + 1)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    """Some bytes of the chunks, without the block headers between them."""
    content = b""
    while len(content) < count:
        place = _physical(at + len(content))
        file.seek(place)
        piece = file.read(min(count - len(content), _BLOCK - place % _BLOCK))
        if not piece:
            raise ValueError("it ends within a chunk of records")
        content += piece
    return content


_TFDS = "tensorflow_datasets.core.features"

_CLASSES = {
    f"{_TFDS}.features_dict.FeaturesDict", f"{_TFDS}.text_feature.Text",
    f"{_TFDS}.scalar.Scalar", f"{_TFDS}.tensor_feature.Tensor",
}  # fmt: skip

_VALUES = {"pythonClassName": _CLASSES, "dtype": {"float32", "int32"}, "encoding": {"none", "bytes"}}

_WORDS = {"description", "featuresDict", "features", "text", "tensor", "shape", "dimensions", *_VALUES, *Track._fields}


def check_features(node: Any) -> None:
    """Refuse a features.json that has in it what the contract does not need.

    It names the classes that decode the data. TFDS would import any module to find them, under several spellings, and
    has some that run other programs, or unpack without limit.
    """
    if isinstance(node, dict):
        for word, value in node.items():
            if word not in _WORDS or (word in _VALUES and value not in _VALUES[word]):
                foreign = "names a foreign class" if word == "pythonClassName" else "has a foreign entry"
                raise ValueError(f"features.json {foreign}, {value if word in _VALUES else word!r:.100}")
            check_features(value)
    elif isinstance(node, list):
        for value in node:
            check_features(value)
