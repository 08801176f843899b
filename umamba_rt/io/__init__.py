"""Sockets, files and process life around the core."""
