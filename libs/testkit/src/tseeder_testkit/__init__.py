"""Real parts for tests and the demo: a loopback swarm, hostile peers, factories."""
