"""Which joints keypoints are projected from, and how windows are chosen."""

import jax
import numpy as np
import pytest
from helpers.augmented import apply

from jaxpose.data.augmentation.transform import joints_of_keypoints, where_chosen
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import CMU_31, COCO_17, H36M_17, H36M_32, H36M_32_TO_17, Skeleton


def test_keypoints_are_projected_from_the_joints_of_their_names():
    layout = Skeleton("three", ("right_wrist", "head", "pelvis"), (-1, -1, -1))
    assert joints_of_keypoints(H36M_17, layout) == (16, 10, 0)
    assert joints_of_keypoints(H36M_17, H36M_17) == tuple(range(17))


def test_human36ms_17_keypoints_are_found_among_its_32_joints():
    found = joints_of_keypoints(H36M_32, H36M_17)
    assert tuple(H36M_32.joints[joint] for joint in found) == H36M_32_TO_17


@pytest.mark.parametrize(("layout", "first", "missing"), [(COCO_17, "nose", 5), (CMU_31, "root", 29)])
def test_keypoints_that_are_no_joints_are_refused(layout, first, missing):
    """Named are the first that is missing, and how many are."""
    missing = sum(joint not in H36M_17.joints for joint in layout.joints)
    wanted = (
        rf"layout '{layout.name}' .* no joint '{first}' \({missing} of {layout.num_joints} are missing\); leave out"
    )
    with pytest.raises(InputError, match=wanted):
        joints_of_keypoints(H36M_17, layout)


def test_windows_are_chosen_one_by_one():
    old, _ = apply()
    new = jax.tree.map(lambda field: ~field if field.dtype == bool else field + 1, old)
    chosen = np.arange(len(old.poses)) % 3 == 1
    found = jax.device_get(jax.jit(where_chosen)(chosen, new, old))
    for expected, rows in ((new, chosen), (old, ~chosen)):
        jax.tree.map(lambda a, b, rows=rows: np.testing.assert_array_equal(a[rows], b[rows]), found, expected)


def test_windows_without_poses_are_chosen():
    old = apply()[0].replace(poses=None, root=None, positions=None, camera=None)
    found = jax.jit(where_chosen)(np.ones(len(old.sample), bool), old.replace(keypoints=old.keypoints + 1), old)
    assert found.poses is found.camera is None
    np.testing.assert_array_equal(found.keypoints, old.keypoints + 1)
