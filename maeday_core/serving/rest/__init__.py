"""The server for other programs; the extra `serve` brings what it needs."""
