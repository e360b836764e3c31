"""Errors, intervals and fairness, measured on faces that were not learnt from."""
