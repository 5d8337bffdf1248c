"""Synthetic motion: the 15 Human3.6M actions on seven bodies, before the Human3.6M cameras."""
