"""`hub connectors new`: a first draft of a connector, from what its source says of itself."""
