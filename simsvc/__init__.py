"""simsvc: an age estimate that shows its evidence."""

from simsvc.telemetry import switch_off

switch_off()  # before any other module of this package can load a library that reports
