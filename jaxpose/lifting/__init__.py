"""Lift 2D keypoints of any detector to 3D poses with a trained run."""
