"""Models and detectors: bundles and inference engines."""
