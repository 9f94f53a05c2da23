"""What the author of a connector, or of a portal, tests with."""
