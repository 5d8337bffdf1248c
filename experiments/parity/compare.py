"""Compare jaxpose with the published network and recipe in PyTorch, and print the largest differences.

    python -m experiments.parity.compare --channels 8 --out differences.json

Needs the extra `torch`, and takes a minute on a laptop. Run it in the checkout: the PyTorch network and the comparison
are shared with the tests, in `tests/helpers/parity`. Outputs have unit scale and are compared absolutely; losses of
training steps relative to each, parameters and running statistics after them relative to the largest number of their
array. The last rows show the effect of rounding alone on this training: see `tests.helpers.parity.cases`.
"""

import json
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from jaxpose.files.atomic import atomic_write_text
from tests.helpers.parity.cases import cases, make_sample
from tests.helpers.parity.jaxpose_side import differences


def main(channels: int = 8, seed: int = 0, out: Path | None = None) -> None:
    """Compare every case, with the same weights and the same batches on both sides.

    Args:
      channels: channels of both networks.
      seed: seed of the weights and the sample.
      out: a JSON file for the same differences.
    """
    rows, sample = {}, make_sample(seed)
    for name, config in cases(channels).items():
        rows[name] = differences(config, sample, seed)
    table = Table("largest difference", *rows)
    for quantity in next(iter(rows.values())):
        table.add_row(quantity, *(f"{row[quantity]:.1e}" for row in rows.values()))
    Console().print(table)
    if out is not None:
        atomic_write_text(out, json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.parity.compare")
