"""Measures: error, ranges and fairness."""
