"""Anyone's 2D keypoints to 3D poses with a trained model."""
