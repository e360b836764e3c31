"""Operation: back-ups, disk, logs, metrics, files that survive a crash."""
