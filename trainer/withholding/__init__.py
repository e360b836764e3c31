"""When an estimate should not stand: rules, their trade-off and plots."""
