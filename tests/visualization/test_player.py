"""What the player is given; that it plays is tested with the report."""

import base64
import json
import re

import numpy as np
from helpers.pages import Page
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxpose.skeleton import COCO_17, H36M_17, layout
from jaxpose.visualization.figures import LEFT, MIDDLE, RIGHT
from jaxpose.visualization.player import pack, player
from jaxpose.visualization.view import make_clip


def clip(**options):
    track = make_track(frames=6, **options)
    return make_clip(track, track.positions_3d - track.positions_3d[:, :1] + np.float32(0.01))


def data_of(text):
    return json.loads(re.search(r'id="player-data">(.*?)</script>', text)[1])


def unpack(packed):
    whole = np.frombuffer(base64.b64decode(packed["base64"]), "<i2").reshape(packed["shape"])
    return np.where(whole == -32768, np.nan, whole * packed["scale"])


@given(arrays.arrays(np.float32, (3, 4, 2), elements=st.floats(-1e4, 1e4, width=32) | st.just(np.nan)))
def test_numbers_are_packed_to_a_65000th_of_their_range(values):
    largest = np.nanmax(np.abs(values), initial=0) if np.isfinite(values).any() else 0
    np.testing.assert_allclose(unpack(pack(values)), values, rtol=0, atol=largest / 65000 + 1e-30)


def test_every_bone_is_drawn_once_in_the_colour_of_its_side():
    data = data_of(player({"a": clip()}, H36M_17, COCO_17))
    pen, colours = data["scene"], data["sides"]
    bones = {(a, b): colour for a, b, colour in zip(pen, pen[1:], colours[1:], strict=False) if a >= 0 and b >= 0}
    assert set(bones) == set(H36M_17.bones)
    assert all(bones[0, joint] == colour for joint, colour in ((1, RIGHT), (4, LEFT), (7, MIDDLE)))
    drawn = [joint for line in data["picture"] for joint in line if joint >= 0]
    assert set(drawn) == set(range(17))
    assert len(drawn) == 2 * len(COCO_17.bones) + COCO_17.parents.count(-1)
    assert data["picture"][2][-6:] == [5, 6, -1, 11, 12, -1]  # the widths, in the colour of the middle


def test_points_without_bones_are_drawn():
    right, left, middle = data_of(player({"a": clip()}, H36M_17, layout("p", 17, (1,), (2,))))["picture"]
    assert (right, left, len(middle)) == ([2, -1], [1, -1], 30)


def test_no_name_breaks_out():
    name = '</script><script>alert(1)</script>"<!--'
    text = player({name: clip(action=name)}, H36M_17, H36M_17)
    page = Page(text)
    assert name in page.words
    assert text.count("<script") == text.count("</script>") == 2


def test_without_truth_nothing_of_it_is_shown():
    text = player({"a": clip()._replace(truth=None), "b": clip(seed=1)}, H36M_17, H36M_17)
    assert "overlay" not in text.split("<script")[0]
    data = data_of(text)
    assert len(data["figures"]["scene"]["data"]) == 1
    assert all(track["truth"] is None for track in data["tracks"])


def test_without_keypoints_there_is_no_picture():
    text = player({"a": clip()._replace(keypoints=None)}, H36M_17, None)
    before, _, _ = text.partition("<script")
    assert "2D input" not in before
    assert 'id="picture"' not in before
    (track,) = data_of(text)["tracks"]
    assert track["keypoints"] is None
    assert unpack(track["prediction"]).shape == (6, 17, 3)


def test_the_numbers_are_the_clips():
    shown = clip()
    (track,) = data_of(player({"a": shown}, H36M_17, H36M_17))["tracks"]
    for field in ("keypoints", "prediction", "truth"):
        np.testing.assert_allclose(
            unpack(track[field]), getattr(shown, field), atol=0.05 if field == "keypoints" else 1e-4
        )
