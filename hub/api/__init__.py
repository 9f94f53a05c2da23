"""The thin REST API."""
