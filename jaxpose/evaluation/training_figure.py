"""The training curves of a run, for its folder, its report and TensorBoard."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from jaxpose.data.track import Description, title_with_notice
from jaxpose.evaluation.results_file import split_with_notice, trained_on_notice
from jaxpose.models.lifter import Progress
from jaxpose.training.config import Config, loss_in_metres
from jaxpose.training.step import NORMS
from jaxpose.visualization.figures import DRAWN, training_curves


def training_figure(
    records: Sequence[Mapping[str, float]], config: Config, description: Description, trained_on: Sequence[str] = ()
) -> Figure:
    """Loss, errors, all other terms of the log, and learning rate of a run by epoch.

    Args:
      records: of the run's log, in order.
      config: its settings.
      description: of its data.
      trained_on: subjects of the test split that were trained on.
    """
    tested = split_with_notice(config.test_split, trained_on_notice(trained_on))
    return training_curves(
        records,
        title=f"{title_with_notice(description)}, trained on {config.train_split}, tested on {tested}",
        loss_in_metres=loss_in_metres(config),
        terms=logged_terms(records, config, description),
    )


def logged_terms(records: Sequence[Mapping[str, float]], config: Config, description: Description) -> tuple[str, ...]:
    """The terms of the loss in a log, whoever named them, and what a plugin evaluated.

    They are all numbers of the log but those that `training_curves` draws anyway, norms, and the network's schedules.
    """
    model = config.model.build(description.skeleton, description.layout, description.channels)
    others = {"step", *DRAWN, *NORMS, *model.schedules(Progress(0, 1, 1))}
    return tuple(dict.fromkeys(name for record in records for name in record if name not in others))
