"""The training curves of a run, for its folder, its report and TensorBoard."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from jaxpose.data.track import Description, title_with_notice
from jaxpose.evaluation.results_file import split_with_notice, trained_on_notice
from jaxpose.training.config import Config, loss_in_metres
from jaxpose.visualization.figures import training_curves


def training_figure(
    records: Sequence[Mapping[str, float]], config: Config, description: Description, trained_on: Sequence[str] = ()
) -> Figure:
    """Loss, errors, constraint terms and learning rate of a run by epoch.

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
        terms=(*config.constraints, *config.objectives),
    )
