"""2D keypoints from the files that detectors and other programs write: `readers.read` takes them all."""
