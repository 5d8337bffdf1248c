"""Commands that compare jaxpose with the published network and recipe in PyTorch; the parts are in tests/helpers/parity."""
