"""Measure prepared data: quality of tracks, tables and a contact sheet of what was measured."""
