"""Cameras of motion capture: virtual ones, and the resection of real ones."""
