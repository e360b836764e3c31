"""Settings to services: the only place that constructs adapters."""
