"""What only a GPU can show: tests, speed against PyTorch, time by kernel, and a training, by one script."""
