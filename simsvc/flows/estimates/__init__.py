"""Estimates: one photo, batches, samples and replays."""
