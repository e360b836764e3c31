"""The outside world behind the ports; each module owns one library."""
