"""Every byte in or out of the hub passes through this package."""
