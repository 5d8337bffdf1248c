"""A run: its folder, its log and checkpoints, the job that fills it, the trained model opened."""
