"""When to withhold estimates: rules, trade-off and plots."""
