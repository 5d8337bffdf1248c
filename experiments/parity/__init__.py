"""Commands that compare jaxpose with the published network and recipe in PyTorch; see also tests/helpers/parity."""
