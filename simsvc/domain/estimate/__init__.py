"""From a prediction and its neighbours to an answer: ranges, flags, explanation, rules."""
