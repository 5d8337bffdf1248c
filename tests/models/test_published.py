"""What records of published weights share: complete names, shapes, types, and the counts of PyTorch's BatchNorm."""

import numpy as np
import pytest

from jaxpose.models.published import batch_counts, batch_norm_places, check_arrays, check_names
from jaxpose.runtime.errors import InputError

NAMES = {"fc.weight": ("params", "dense", "kernel"), **batch_norm_places("bn", "norm")}


def test_the_names_are_complete_and_known():
    check_names(dict.fromkeys(NAMES), NAMES)
    check_names(dict.fromkeys([*NAMES, "bn.num_batches_tracked"]), NAMES)
    with pytest.raises(InputError, match=r"^bn.running_var is missing; use the complete weights"):
        check_names({name: None for name in NAMES if name != "bn.running_var"}, NAMES)
    with pytest.raises(InputError, match=r"^fc.num_batches_tracked is unknown; the published network has no such"):
        check_names(dict.fromkeys([*NAMES, "fc.num_batches_tracked"]), NAMES)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.zeros((3, 2), np.float32), r"^fc.weight has shape \(3, 2\); it must be \(2, 3\)"),
        (np.zeros((2, 3)), "^fc.weight is float64; it must be float32"),
        (np.full((2, 3), np.inf, np.float32), "^fc.weight has values that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_named(values, fault):
    check_arrays({"fc.weight": np.zeros((2, 3), np.float32)}, {"fc.weight": (2, 3)})
    with pytest.raises(InputError, match=fault):
        check_arrays({"fc.weight": values}, {"fc.weight": (2, 3)})


def test_every_norm_has_its_count():
    counts = batch_counts(NAMES, 7)
    assert counts == {"bn.num_batches_tracked": 7}
    assert counts["bn.num_batches_tracked"].dtype == np.int64
