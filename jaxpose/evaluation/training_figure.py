"""The training curves of a run, for its folder, its report and TensorBoard."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from jaxpose.data.track import Description, title_with_notice
from jaxpose.training.config import Config, loss_in_metres
from jaxpose.visualization.figures import training_curves


def training_figure(records: Sequence[Mapping[str, float]], config: Config, description: Description) -> Figure:
    """Loss, errors, constraint terms and learning rate of a run by epoch.

    Args:
      records: of the run's log, in order.
      config: its settings.
      description: of its data.
    """
    return training_curves(
        records,
        title=f"{title_with_notice(description)}, trained on {config.train_split}, tested on {config.test_split}",
        loss_in_metres=loss_in_metres(config),
        terms=(*config.constraints, *config.objectives),
    )
