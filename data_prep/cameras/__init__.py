"""Cameras that were there, and cameras that were not."""
