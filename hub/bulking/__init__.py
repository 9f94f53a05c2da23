"""Bulk requests from the command line, and the commands that connectors bring along."""
