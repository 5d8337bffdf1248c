"""Position error against motion error: methods, filters, detectors and frame rates."""
