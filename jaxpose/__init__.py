"""Lift 2D keypoint tracks to 3D human poses."""
