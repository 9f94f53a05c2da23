"""The systems that the hub asks: one folder each, the same file names in every folder."""
