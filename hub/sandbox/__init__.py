"""Synthetic people and everything that plays the systems; never part of production."""
