"""Tracks, windows of them, prepared data sets on disk, and the built-in synthetic data."""
