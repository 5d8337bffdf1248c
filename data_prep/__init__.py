"""Archives in, data sets out."""
