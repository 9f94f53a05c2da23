"""`python -m hub`."""
