"""Readers of motion-capture files and archives."""
