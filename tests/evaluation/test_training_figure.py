"""The curves of a run have the terms of its settings."""

from helpers.samples import DESCRIPTION

from jaxpose.evaluation.training_figure import training_figure
from jaxpose.training.config import Config


def test_the_terms_are_those_of_the_settings():
    records = [
        {"epoch": epoch, "loss": 0.1, "learning_rate": 1e-3, "velocity": 2.0, "gradient_norm": 1.0} for epoch in (1, 2)
    ]
    config = Config(constraints={"velocity": 2.0}, train_split="S1", test_split="S9")
    figure = training_figure(records, config, DESCRIPTION)
    assert [line.get_label() for line in figure.axes[1].lines] == ["velocity"]
    assert figure.get_suptitle() == "sample motion, trained on S1, tested on S9"
    told = training_figure(records, config, DESCRIPTION, ["S9"]).get_suptitle().replace("\n", " ")
    assert told.endswith("tested on S9 (TRAINED ON S9: these are not errors of unseen people)")
    assert "velocity in" not in figure.get_suptitle()
    assert len(training_figure(records, Config(), DESCRIPTION).axes) == 2
