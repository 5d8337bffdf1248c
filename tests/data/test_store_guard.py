"""What an array_record file declares is what the library that writes them has put in."""

import json

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jaxpose.data import store_guard


def save(path, contents, options="group_size:1"):
    writer = ArrayRecordWriter(str(path), options)
    for content in contents:
        writer.write(content)
    writer.close()
    return path


@pytest.mark.parametrize("options", ["group_size:1", "group_size:3", "group_size:1,uncompressed"])
def test_sound_files_pass(tmp_path, options):
    noise = np.random.default_rng(0).bytes(300_000)  # chunks that begin in one block and end in another
    path = save(tmp_path / "a", [noise[:size] for size in (0, 1, 70_000, 300_000, 65_000)], options)
    store_guard.check_record_sizes(path)
    assert ArrayRecordReader(str(path)).num_records() == 5


def test_more_than_motion_unpacks_to_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a", [bytes(2**22)] * 2)
    assert path.stat().st_size < 2**18
    store_guard.check_record_sizes(path)
    monkeypatch.setattr(store_guard, "_ALWAYS_ALLOWED", 2**22)
    store_guard.check_record_sizes(path)  # a still pose
    monkeypatch.setattr(store_guard, "_MAX_RATIO", 10)
    with pytest.raises(ValueError, match="declares records of 8388608 bytes"):
        store_guard.check_record_sizes(path)


def test_files_that_are_cut_or_altered(tmp_path):
    path = save(tmp_path / "a", [np.random.default_rng(0).bytes(200_000)])
    content = path.read_bytes()
    for damaged in (content[:-100], content[:70_000], content[:30], content[:80] + b"\xff" * 40 + content[120:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"not whole|within a chunk|declares"):
            store_guard.check_record_sizes(path)


FEATURES = "tensorflow_datasets.core.features"
TENSOR = {"pythonClassName": f"{FEATURES}.tensor_feature.Tensor", "tensor": {"dtype": "float32", "encoding": "none"}}


def document(**features):
    return {"pythonClassName": f"{FEATURES}.features_dict.FeaturesDict", "featuresDict": {"features": features}}


def test_all_that_describes_a_feature_may_be_said_in_any_spelling():
    """Else a release of TFDS that writes a further field could not be read."""
    spelt = {"python_class_name": TENSOR["pythonClassName"], "tensor": TENSOR["tensor"] | {"optional": False}}
    store_guard.check_features(document(fps=TENSOR | {"description": "of the video"}, length=spelt))


EMBEDDED = json.dumps({"fps": {"type": "os.Feature", "content": {}}})


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (TENSOR | {"pythonClassName": "os.system"}, "names a foreign class, 'os.system'"),
        ({"python_class_name": "os.system", "tensor": TENSOR["tensor"]}, "names a foreign class, 'os.system'"),
        ({"tensor": TENSOR["tensor"]}, "names a foreign class, ''"),
        ({"type": TENSOR["pythonClassName"], "content": {}}, "has a foreign entry"),
        (TENSOR | {"proto_cls": "a.B"}, "has a foreign entry"),
        (TENSOR | {"fresh": 1}, "has a foreign entry"),
        (TENSOR | {"pythonClassName": 1}, "has a foreign entry"),
        (document() | {"featuresDict": {}, "jsonFeature": {"json": EMBEDDED}}, "has a foreign entry"),
        ({"pythonClassName": document()["pythonClassName"], "jsonFeature": {"json": EMBEDDED}}, "has a foreign entry"),
        (document(inner=TENSOR | {"pythonClassName": "os.system"}), "names a foreign class, 'os.system'"),
        (TENSOR | {"tensor": {"dtype": "float32", "encoding": "zlib"}}, "foreign encoding or type, 'zlib', 'float32'"),
        (TENSOR | {"tensor": {"dtype": "object"}}, "foreign encoding or type, '', 'object'"),
    ],
)
def test_what_could_run_a_program_or_fill_the_memory_is_refused(feature, message):
    for whole in (feature, document(fps=TENSOR, other=feature)):
        with pytest.raises(ValueError, match=f"features.json.*{message}|features.json has a foreign entry"):
            store_guard.check_features(whole)
    with pytest.raises(ValueError, match=message):
        store_guard.check_features(document(other=feature))


@pytest.mark.parametrize("whole", [None, [], {}, 3, {"type": "a.B", "content": {}}])
def test_documents_that_are_no_features_are_refused(whole):
    with pytest.raises(ValueError, match=r"features\.json (has a foreign entry|names a foreign class)"):
        store_guard.check_features(whole)
