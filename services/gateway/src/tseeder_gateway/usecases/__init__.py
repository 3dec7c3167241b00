"""Verbs in which the gateway decides something itself; a route that only forwards needs none."""
