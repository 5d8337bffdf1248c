"""Generate synthetic motion: the 15 Human3.6M actions on seven bodies, seen by the Human3.6M cameras."""
