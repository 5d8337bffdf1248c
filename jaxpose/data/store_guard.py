"""Check the files of a prepared data set before TFDS trusts them: the sizes of records, the classes that decode them.

array_record allocates what the header of a chunk declares, so a file of some bytes can ask for terabytes. The headers
are read here first. A memory limit (`resource.setrlimit`) would need a process of its own, through which all poses
would have to pass, and would not say which file is at fault. (A chunk hidden inside another, with an index that points
to it, still costs memory, but runs nothing.)

Format: "Riegeli/records file format" (Google), which ArrayRecord uses: blocks of 64 KiB, each with a header of 24
bytes, and across the blocks, end to end, chunks of a header of 40 bytes, the compressed records, and padding.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

_BLOCK, _BLOCK_HEADER = 2**16, 24
_CHUNK_HEADER = struct.Struct("<QQQQQ")  # hash, size of the data, their hash, kind and number of records, size unpacked
_KINDS = b"srmp"  # signature, records, metadata, padding
_ALWAYS_ALLOWED = 2**28  # bytes that any file may unpack to: a still pose compresses without limit
_MAX_RATIO = 100  # of a larger file's unpacked size to its size; motion compresses by less than two


def check_record_sizes(path: Path) -> None:
    """Refuse an array_record file that would unpack to far more than motion does, or whose chunks do not fill it.

    Raises:
      ValueError: it would, or they do not; says which.
      OSError: the file cannot be read.
    """
    if not path.is_file():  # reading a pipe would wait for ever
        raise ValueError(f"{path.name} does not exist, or is not a file")
    size = path.stat().st_size
    limit = max(_ALWAYS_ALLOWED, _MAX_RATIO * size)
    with path.open("rb") as file:
        position = unpacked = 0  # among the bytes of the chunks
        while _file_position(position) < size:
            _, length, _, kind, declared = _CHUNK_HEADER.unpack(_read_chunks(file, position, _CHUNK_HEADER.size))
            kind, records = kind & 0xFF, kind >> 8
            unpacked += declared
            position += max(_CHUNK_HEADER.size + length, records)  # padded to at least a byte a record
            if kind not in _KINDS or _file_position(position) - size > _BLOCK_HEADER:
                raise ValueError("its chunks of records are not whole")
            if unpacked > limit:
                raise ValueError(f"it declares records of {unpacked} bytes")


def _file_position(position: int) -> int:
    """Position in the file of a byte of the chunks: block headers come between."""
    return position + _BLOCK_HEADER * (position // (_BLOCK - _BLOCK_HEADER) + 1)


def _read_chunks(file: BinaryIO, position: int, count: int) -> bytes:
    """Bytes of the chunks, without the block headers between them."""
    content = b""
    while len(content) < count:
        start = _file_position(position + len(content))
        file.seek(start)
        piece = file.read(min(count - len(content), _BLOCK - start % _BLOCK))
        if not piece:
            raise ValueError("it ends within a chunk of records")
        content += piece
    return content


_TFDS = "tensorflow_datasets.core.features"

_CLASSES = {
    f"{_TFDS}.features_dict.FeaturesDict", f"{_TFDS}.text_feature.Text",
    f"{_TFDS}.scalar.Scalar", f"{_TFDS}.tensor_feature.Tensor",
}  # fmt: skip

_ENCODINGS = {"", "none", "bytes"}  # "zlib" would unpack without a limit

_DTYPES = {"float32", "int32"}


def check_features(document: Any) -> None:
    """Refuse a features.json that names a class, an encoding or a type which the data contract does not need.

    TFDS imports any module to find a class that the file names, and has classes that run other programs or unpack
    without limit. The document is read as TFDS reads it, as a protobuf message, so that the spelling of a field does
    not matter; contents in TFDS's older formats, `type` and `json_feature`, can name further classes and are refused.

    Raises:
      ValueError: it does; says what.
    """
    from google.protobuf import json_format
    from tensorflow_datasets.core.proto import feature_pb2

    if not isinstance(document, dict) or "type" in document:
        raise ValueError("features.json has a foreign entry, the older format of TFDS")
    try:
        _check_feature(json_format.ParseDict(document, feature_pb2.Feature()))
    except json_format.ParseError as error:
        raise ValueError(f"features.json has a foreign entry ({error})") from None


def _check_feature(feature: Any) -> None:
    """Check a `feature_pb2.Feature` and those in it; raises `ValueError`."""
    content = feature.WhichOneof("content")
    if feature.python_class_name not in _CLASSES:
        raise ValueError(f"features.json names a foreign class, {feature.python_class_name!r:.100}")
    if content not in ("features_dict", "text", "tensor"):
        raise ValueError(f"features.json has a foreign entry, {content!r}")
    tensor = feature.tensor
    if content == "tensor" and not (tensor.encoding in _ENCODINGS and tensor.dtype in _DTYPES):
        raise ValueError(f"features.json has a foreign encoding or type, {tensor.encoding!r:.50}, {tensor.dtype!r:.50}")
    for child in feature.features_dict.features.values():
        _check_feature(child)
