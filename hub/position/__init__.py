"""Put the answers together, and say plainly which are missing."""
