"""Frozen settings."""
