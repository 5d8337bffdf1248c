"""jaxpose against the published network and recipe in PyTorch: by goldens, and live where PyTorch is installed."""

import numpy as np
import pytest
from helpers.parity import goldens, jaxpose_side
from helpers.parity.cases import WINDOWS, cases

SAMPLE, GOLDENS = goldens.load()
OUTPUTS, TRAINING = 1e-5, 1e-4  # as the README says: absolute at unit scale; relative


@pytest.mark.parametrize("case", cases())
def test_whole_tracks_and_windows_agree(case):
    weights, theirs, _ = GOLDENS[case]
    ours = jaxpose_side.predict(jaxpose_side.build_recipe(cases()[case], SAMPLE), SAMPLE, weights)
    assert 0.3 < theirs.whole.std() < 3
    np.testing.assert_allclose(ours.whole, theirs.whole, rtol=0, atol=OUTPUTS)
    for frames in WINDOWS:
        np.testing.assert_allclose(ours.windows[frames][::8], theirs.windows[frames], rtol=0, atol=OUTPUTS)


@pytest.mark.parametrize(
    ("case", "precision"),
    [
        *((case, "float64") for case in goldens.TRAINED),
        *((case, "float32") for case in ("1,3,5", "3,3,3", "3,3,3 causal")),
    ],
)
def test_fifty_training_steps_agree(case, precision):
    """Most cases in float64, because rounding sometimes decides a ReLU; see `helpers.parity.cases`."""
    weights, _, theirs = GOLDENS[case]
    ours = jaxpose_side.train(jaxpose_side.build_recipe(cases()[case], SAMPLE), SAMPLE, weights, precision)
    differences = jaxpose_side.training_differences(ours, theirs)
    assert max(differences.values()) < (TRAINING if precision == "float32" else 1e-6), differences
    moved = jaxpose_side.training_differences(theirs._replace(weights=weights), theirs)
    assert moved["parameters"] > 0.01  # else agreement would mean little


def test_the_goldens_are_small():
    assert goldens.GOLDENS.stat().st_size < 100_000


LIVE = [pytest.param(case, marks=() if case == "3,3,7" else pytest.mark.slow) for case in cases()]


@pytest.mark.parametrize("case", LIVE)
def test_agrees_with_pytorch_itself(case):
    pytest.importorskip("torch", reason="PyTorch is not installed; the goldens stand in for it")
    differences = jaxpose_side.differences(cases()[case], SAMPLE, 0)
    assert max(value for name, value in differences.items() if "training" not in name) < OUTPUTS
    assert max(value for name, value in differences.items() if "training, float64" in name) < 1e-6


def test_the_goldens_are_the_results_of_pytorch(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed; the goldens stand in for it")
    goldens.write(tmp_path / "parity.npz")
    sample, results = goldens.load(tmp_path / "parity.npz")
    np.testing.assert_array_equal(sample.batches, SAMPLE.batches)
    for case, (weights, predicted, trained) in results.items():
        stored_weights, stored_prediction, stored_training = GOLDENS[case]
        np.testing.assert_allclose(predicted.whole, stored_prediction.whole, atol=OUTPUTS)
        assert all(np.allclose(weights[name], stored_weights[name], atol=1e-6) for name in stored_weights)
        if trained is not None:
            assert max(jaxpose_side.training_differences(trained, stored_training).values()) < 1e-6
