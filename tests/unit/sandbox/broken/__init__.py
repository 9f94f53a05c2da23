"""A package whose simulator offers nothing of what it should."""
