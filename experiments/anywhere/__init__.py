"""How well lifters do on anyone's video: held-out people before random cameras and detectors, and real detections."""
