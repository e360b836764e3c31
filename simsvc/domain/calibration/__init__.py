"""Site calibration: the model corrected by the operator's own reference faces."""
