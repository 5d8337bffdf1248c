"""The models: keypoints in, poses out."""
