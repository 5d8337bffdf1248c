"""The benchmark of CMU motion capture runs on the clip that it makes up."""

import runpy

from helpers.places import ROOT


def test_the_benchmark_prepares_what_it_makes_up():
    script = runpy.run_path(str(ROOT / "experiments" / "benchmarks" / "amc.py"))
    frames, seconds = script["prepare"]([script["made_up"](25)])
    assert frames == 25
    assert min(seconds.values()) > 0
