"""The published network and recipe in PyTorch, and the comparison of jaxpose with it.

`cases` has the compared settings and the sample, `torch_model` the PyTorch side, `jaxpose_side` jaxpose's side, and
`goldens` stored results of the PyTorch side, so that the tests need no PyTorch. `experiments/parity` imports them too,
as `tests.helpers.parity`: hence the relative imports.
"""
