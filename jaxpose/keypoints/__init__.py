"""Read 2D keypoints from the files of any detector: `readers.read_keypoints` recognises the format."""
