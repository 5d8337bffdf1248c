"""Every switch of a protocol is described in words, and impossible values are refused."""

import dataclasses
import sys
from subprocess import run

import pytest

from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol, describe_protocol
from jaxpose.runtime.errors import InputError

OTHER = {
    "mirror": (False, "not averaged with the mirrored prediction"),
    "root": ("subtracted", "the predicted root is subtracted"),
    "s11_directions": ("three-views", "S11/Directions is scored without its damaged view"),
    "without_damaged_s9": (True, "S9/Greeting, S9/SittingDown 1 and S9/Waiting 1 are excluded"),
    "every": (5, "one frame of 5"),
    "average": ("frames", "all frames have equal weights"),
    "derivative_weights": ("differences", "weighted by its number of differences in time"),
    "chunk": (243, "chunks of 243 frames without context, overlaps counted twice, velocity also between chunks"),
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Protocol)])
def test_every_switch_is_described(field):
    value, words = OTHER[field]
    text = describe_protocol(Protocol(**{field: value}), ["S9", "S11"])
    assert words in text
    assert text.startswith(f"Protocol (differs from VideoPose3D's in {field}): ")
    assert words not in describe_protocol(VIDEOPOSE3D, ["S9", "S11"])
    assert describe_protocol(VIDEOPOSE3D).startswith("Protocol (VideoPose3D's): whole tracks")


def test_recordings_of_human36m_are_named_where_their_subjects_are():
    assert "S11/Directions is excluded" in describe_protocol(VIDEOPOSE3D, ["S11"])
    assert "S9/" not in describe_protocol(VIDEOPOSE3D, ["S11"])
    assert "S9/Waiting 1 are included" in describe_protocol(VIDEOPOSE3D, ["S9"])
    for protocol in (VIDEOPOSE3D, Protocol(s11_directions="all", without_damaged_s9=True)):
        assert "S11/" not in describe_protocol(protocol)
        assert "S9/" not in describe_protocol(protocol)


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ({"every": 0}, "--every is 0; it must be at least 1"),
        ({"chunk": 0}, "--chunk is 0; it must be at least 1"),
        ({"root": "gone"}, "--root is 'gone'; it must be one of kept, subtracted"),
        ({"s11_directions": "some"}, "--s11-directions is 'some'; it must be one of none, three-views, all"),
    ],
)
def test_impossible_values_are_refused(switch, message):
    with pytest.raises(InputError, match=message):
        Protocol(**switch)


def test_the_help_of_evaluate_does_not_import_jax():
    code = "import sys, jaxpose.evaluate; sys.exit('jax' in sys.modules or 'matplotlib' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
