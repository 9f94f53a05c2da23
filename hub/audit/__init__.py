"""Explain, replay, sample, export: what auditors do with the evidence."""
