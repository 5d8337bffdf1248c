"""Augmentations of training windows: mirror images, other cameras, bodies and detectors; settings of their ranges."""
