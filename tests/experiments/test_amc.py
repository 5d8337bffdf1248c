"""The benchmark of CMU motion capture runs on a random clip."""

import runpy

from helpers.places import ROOT


def test_a_random_clip_is_prepared():
    script = runpy.run_path(str(ROOT / "experiments" / "benchmarks" / "amc.py"))
    frames, seconds = script["prepare"]([script["random_clip"](25)])
    assert frames == 25
    assert min(seconds.values()) > 0
