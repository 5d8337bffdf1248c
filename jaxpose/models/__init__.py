"""Networks that take 2D keypoints of consecutive frames to 3D poses, and their published weights."""
