"""Readers of motion-capture files and archives. None runs code from a file, nor allocates what a file only declares."""
