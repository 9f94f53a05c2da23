"""Measures, printed with the bound that each is compared to. Nothing here is a test."""
