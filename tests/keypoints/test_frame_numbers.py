"""The number that varies in names counts the frames, whatever else is in them; what can be two readings is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jaxpose.keypoints.frame_numbers import (
    frames_of_ids,
    frames_of_names,
    frames_of_numbers,
    posetrack_ids,
    whole_number,
)
from jaxpose.runtime.errors import InputError

PATH = Path("clip")

# How programs name images and files of the frame n; h is another hash for each.
PATTERNS = {
    "OpenPose": "dance2_{n:012}_keypoints.json",
    "a number before the suffix that varies not": "{n:05}_00_keypoints.json",
    "no suffix": "cam01.{n:04}",
    "no zeros": "frame{n}.png",
    "the number first": "{n:06}-cam3-1920x1080.jpg",
    "Roboflow": "walk_mp4-{n:04}_jpg.rf.{h}.jpg",
    "Label Studio": "{h:.8}-frame_{n:06}.png",
    "a UUID": "{h:.8}-{h:.4}-{h:.4}-{h:.4}-{h:.12}_{n}.jpg",
    "a folder for the video": "val/000342_mpii_test/{n:06}.jpg",
    "Windows": "C:\\clips\\2\\frame_{n:04}.bmp",
    "a folder for each frame": "frame{n}/cam0.jpg",
    "words that are hexadecimal digits": "face{n:04}.png",
    "a time stamp and a counter": "1700{n:06}000000_{n:04}.jpg",
    "two counters": "shot_{n}_of_tape_{n:09}.tif",
    "a date": "2024-01-31 {n:06}.jpeg",
}
hashes = st.text("0123456789abcdef", min_size=12, max_size=12)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@given(numbers=st.lists(st.integers(0, 999_999), min_size=3, max_size=12, unique=True), draw=st.data())
def test_the_number_that_varies_is_the_frame(pattern, numbers, draw):
    found = draw.draw(st.lists(hashes, min_size=len(numbers), max_size=len(numbers), unique=True))
    if "{h" in pattern:  # one digit of each is sure to be a letter in some and not in others, as in real hashes
        found = [f"{'a' if place else 3}{'3' if place else 'b'}{one[2:]}" for place, one in enumerate(found)]
    names = [pattern.format(n=n, h=h) for n, h in zip(numbers, found, strict=True)]
    assert frames_of_names(PATH, names) == (numbers, ())
    assert frames_of_names(PATH, [*names, *names]) == (numbers * 2, ())  # people of the same images


@given(
    st.lists(st.integers(0, 99_999), min_size=3, max_size=9, unique=True),
    st.text("abcxyz_-. ", max_size=8),
    st.text("abcxyz_- ", max_size=8),
    st.integers(0, 10**6),
)
def test_text_and_numbers_that_do_not_vary_do_not_matter(numbers, before, after, camera):
    assert frames_of_names(PATH, [f"{before}{camera}x{n:05}y{after}{camera}.json" for n in numbers]).frames == numbers


@given(st.lists(st.integers(0, 999), min_size=2, max_size=9, unique=True), st.integers(0, 1))
def test_two_videos_are_refused_with_both_names(numbers, kind):
    assume(max(numbers) > min(numbers))
    one, other = [("cam1_{:04}.json", "cam2_{:04}.json"), ("front{:04}.json", "side{:04}.json")][kind]
    names = [pattern.format(n) for pattern in (one, other) for n in numbers]
    with pytest.raises(InputError, match=r"two videos.*give each video a file or folder of its own") as raised:
        frames_of_names(PATH, names)
    assert one[:5] in str(raised.value)
    assert other[:4] in str(raised.value)


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=30),
    st.sampled_from([10**3, 33_366_700, 16_683_350]),
    st.integers(10**18, 1_800_000_000 * 10**9),
    st.randoms(use_true_random=False),
)
def test_time_stamps_are_counted_by_their_usual_step(gaps, step, start, chance):
    """Also where cameras are early or late by a tenth of a frame."""
    gaps = [*gaps, *[1] * (len(gaps) + 1)]
    frames = [sum(gaps[:n]) for n in range(len(gaps) + 1)]
    names = [f"{start + frame * step + chance.randrange(step // 20)}.png" for frame in frames]
    found = frames_of_names(PATH, names)
    assert found.frames == frames
    assert f"clip: the names of the images are numbers from {names[0][:-4]} on, in steps of " in found.notes[0]
    assert step < 10**4 or " a second): counted" in found.notes[0]


@given(st.integers(0, 10**6))
def test_large_numbers_at_random_are_neither_frames_nor_times(seed):
    numbers = np.random.default_rng(seed).integers(10**18, 9 * 10**18, 150).tolist()
    with pytest.raises(InputError, match=r"clip: x are numbers from .* too large for frames, and rise by irregular"):
        frames_of_numbers(PATH, numbers, "x")


def test_the_rate_of_time_stamps_is_said():
    (note,) = frames_of_numbers(PATH, [1700000000000 + 40 * n for n in range(9)], "x").notes
    assert (
        note == "clip: x are numbers from 1700000000000 on, in steps of 40 (25 a second): counted as frames from 0 on"
    )


def test_seconds_and_their_fraction_are_one_time():
    names = ["1305031102.175304.png", "1305031102.975304.png", "1305031103.775304.png", "1305031105.375304.png"]
    assert frames_of_names(PATH, names).frames == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["cover.jpg"], r"clip: image 'cover\.jpg' has no number in its name; rename"),
        (["a.jpg", "b.jpg"], r"names as 'a\.jpg' and as 'b\.jpg' are those of two videos, or of other files"),
        (["walk_0001.json", "config.json"], r"'walk_0001\.json' and as 'config\.json' are those of two videos"),
        (["cam1_000.json", "cam2_001.json"], r"in 'cam1_000\.json' and 'cam2_001\.json', as if these were two videos"),
        (["1_33.png", "2_67.png", "3_100.png"], r"counted in two ways by names as '1_33\.png', 1 to 3 or 33 to 100"),
        (["x_1.jpg", "x_01.jpg"], r"'x_1\.jpg' and 'x_01\.jpg' are the same frame; remove one of them"),
        (["x_1.jpg", "x_01.jpg", "x_2.jpg"], r"'x_1\.jpg' and 'x_01\.jpg' are both frame 1; remove one"),
        (["w_1.rf.0a.jpg", "w_1.rf.0b.jpg", "w_2.rf.0c.jpg"], "are both frame 1; remove one"),
        ([".aaa" * 300 + "1"], "has more than 1,000 characters; rename"),
        ([f"{'9' * 50}.png", "1.png"], "a number of more than 40 digits; rename"),
    ],
)
def test_names_that_can_be_read_in_two_ways_are_refused(names, fault):
    with pytest.raises(InputError, match=fault):
        frames_of_names(PATH, names)


def test_one_image_has_the_last_number():
    assert frames_of_names(PATH, ["clip2/frame_0012.jpg"]).frames == [12]
    assert frames_of_names(PATH, ["a_1305031102175304000.jpg"] * 2).frames == [0, 0]


def test_ids_are_frames_names_or_times():
    assert frames_of_ids(PATH, [120, 0, 60, 0]) == ([120, 0, 60, 0], ())
    assert frames_of_ids(PATH, ["0007.jpg", "0003.jpg"]) == ([7, 3], ())
    assert frames_of_ids(PATH, [7, "3"]) == ([7, 3], ())
    assert frames_of_numbers(PATH, [1700000000040, 1700000000000, 1700000000200], "x").frames == [1, 0, 5]
    assert frames_of_ids(PATH, []) == ([], ())


def test_ids_of_posetrack_have_sequence_and_frame():
    assert posetrack_ids([10034180000, 10034190012]) == (["003418", "003419"], [0, 12])
    assert posetrack_ids([10034180000, 5]) is None
    assert posetrack_ids([]) is None


def test_whole_numbers_as_files_have_them():
    assert [whole_number(value) for value in (7, 7.0, "7", " -7 ")] == [7, 7, 7, -7]
    assert {whole_number(value) for value in (True, 0.5, "7.5", "x", None, [7], float("nan"), "9" * 50)} == {None}
