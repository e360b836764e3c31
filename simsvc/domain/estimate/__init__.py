"""From prediction and neighbours to estimate: ranges, flags, explanation, rules."""
