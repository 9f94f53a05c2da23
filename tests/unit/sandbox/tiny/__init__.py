"""The smallest connector package that the runner can play."""
