"""What is evaluated at the end of an epoch goes to the log, whatever has been added."""

import numpy as np
import pytest

from jaxpose.data.windows import pack
from jaxpose.runs import evaluations, job
from jaxpose.runs.log import read_log
from jaxpose.runs.trained import load_fitting, open_run

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_an_evaluation_adds_its_values_to_the_record_of_every_epoch(config, tmp_path, monkeypatch):
    def spread(job, predictions):
        return {f"{purpose}_spread": np.std(poses) for purpose, poses in predictions.items()}

    monkeypatch.setitem(evaluations.EVALUATIONS, "spread", spread)
    job.train(config, tmp_path / "run")
    records = read_log(tmp_path / "run")
    epochs = [record for record in records if record["step"] % 5 == 0]
    assert len(epochs) == 2
    assert all({"test_mpjpe", "test_spread"} <= set(record) for record in epochs)
    assert not any("test_spread" in record for record in records if record not in epochs)

    model = open_run(tmp_path / "run")
    packed = pack(load_fitting(model)[1])
    poses = model.lift(packed)
    errors = np.linalg.norm(np.float64(poses) - np.asarray(packed.poses), axis=-1)
    assert epochs[-1]["test_spread"] == pytest.approx(np.std(poses), rel=1e-6)
    assert epochs[-1]["test_mpjpe"] == pytest.approx(errors.mean(), rel=1e-6)
