"""A run is opened as it was trained, and refuses data of other joints."""

import jax
import numpy as np
import pytest
from samples import DESCRIPTION, make_track

from data_prep import contract
from jaxpose import lifter, loop
from jaxpose.dataset import track_lengths
from jaxpose.errors import InputError
from jaxpose.metrics import mpjpe
from jaxpose.scoring import score
from jaxpose.skeleton import COCO_17

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_a_run_lifts_its_test_split(untrained):
    opened = lifter.open_run(untrained)
    description, tracks, split = lifter.load_fitting(opened)
    frames = opened.join(tracks)
    lifted = opened.lift(frames)
    assert (description.splits, split) == (("S1", "S9"), "S9")
    assert lifted.shape == (track_lengths(tracks).sum(), 17, 3)
    recipe = loop.build_recipe(opened.config, DESCRIPTION, 65)
    again = loop.init(recipe, jax.random.key(3)).variables
    np.testing.assert_array_equal(lifted, opened._replace(variables=again).lift(frames))
    assert np.isclose(1000 * np.mean(mpjpe(lifted[:40], frames.poses[:40])),
                      score(lifted, frames.poses, tracks)["actions"]["Walking"]["mpjpe"])  # fmt: skip


def test_other_splits_and_data(untrained, tmp_path):
    opened = lifter.open_run(untrained)
    assert lifter.load_fitting(opened, split="S1")[1][0].subject == "S1"
    other = DESCRIPTION._replace(layout=COCO_17, splits=("S9",))
    contract.write(tmp_path / "coco", other, lambda split: [make_track(subject=split)], text="COCO")
    with pytest.raises(InputError, match=f"coco has layout coco_17, but {untrained} was trained on h36m_17"):
        lifter.load_fitting(opened, str(tmp_path / "coco"))
