"""Tracks, windows of tracks, prepared data sets on disk, and the built-in synthetic data."""
