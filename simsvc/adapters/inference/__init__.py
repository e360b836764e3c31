"""Models and detectors: bundles and the engines that run them."""
