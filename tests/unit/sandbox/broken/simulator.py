"""No `simulate`, and `FAULTS` of the wrong type."""

FAULTS = ["a list"]
