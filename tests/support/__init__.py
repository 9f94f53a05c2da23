"""Builders and fakes at the seam; never imported by shipped code."""
