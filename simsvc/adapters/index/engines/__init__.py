"""The engines that search a build: Annoy, a forest in memory, and Lance, partitions on disk."""
