"""The published network and recipe in PyTorch, in our own writing, beside jaxpose: do they give the same numbers?"""
