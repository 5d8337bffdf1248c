"""2D keypoints from the files that detectors and other programs write: `formats.read` takes them all."""
