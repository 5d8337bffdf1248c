"""Write the PyTorch side's results to one small file, so that the tests need no PyTorch.

    python -m experiments.parity.goldens

Needs the extra `torch`. Run it in the checkout after a change of `tests/helpers/parity/cases.py` or `torch_model.py`;
the last digits depend on the machine.
"""

import tyro

from tests.helpers.parity.goldens import write

if __name__ == "__main__":
    tyro.cli(write, prog="python -m experiments.parity.goldens")
