"""The curves of a run have every term of its log."""

from helpers.samples import DESCRIPTION

from jaxpose.evaluation.training_figure import logged_terms, training_figure
from jaxpose.models.configs import LinearConfig
from jaxpose.training.config import Config

RECORD = {"step": 1, "epoch": 1, "loss": 0.1, "position": 0.1, "learning_rate": 1e-3, "gradient_norm": 1.0}


def test_the_terms_are_those_of_the_log():
    records = [RECORD | {"epoch": epoch, "velocity": 2.0} for epoch in (1, 2)]
    config = Config(constraints={"velocity": 2.0}, train_split="S1", test_split="S9")
    figure = training_figure(records, config, DESCRIPTION)
    assert [line.get_label() for line in figure.axes[1].lines] == ["velocity"]
    assert figure.get_suptitle() == "sample motion, trained on S1, tested on S9"
    told = training_figure(records, config, DESCRIPTION, ["S9"]).get_suptitle().replace("\n", " ")
    assert told.endswith("tested on S9 (TRAINED ON S9: these are not errors of unseen people)")
    assert "velocity in" not in figure.get_suptitle()
    assert len(training_figure([RECORD], config, DESCRIPTION).axes) == 2


def test_terms_of_plugins_are_drawn_whatever_they_are_called():
    """An objective may log terms of any name; schedules of the network and norms are none."""
    first = RECORD | {"momentum": 0.1, "steadiness of hands": 0.2}
    last = RECORD | {"epoch": 2, "momentum": 0.1, "steadiness of hands": 0.1, "test_mpjpe": 0.05, "test_jitter": 3.0}
    config = Config(objectives=("steady",))
    assert logged_terms([first, last], config, DESCRIPTION) == ("steadiness of hands", "test_jitter")
    assert logged_terms([first], Config(model=LinearConfig()), DESCRIPTION) == ("momentum", "steadiness of hands")
    errors, terms, _ = training_figure([first, last], config, DESCRIPTION).axes
    assert [text.get_text() for text in terms.get_legend().get_texts()] == ["steadiness of hands", "test_jitter"]
    assert [line.get_label() for line in errors.lines] == ["training loss", "test MPJPE, all frames"]
