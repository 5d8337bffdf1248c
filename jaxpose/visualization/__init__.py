"""Figures, films, a 3D player and HTML pages."""
