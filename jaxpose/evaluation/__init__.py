"""Predictions of whole tracks, their errors as published protocols average them, and tables."""
