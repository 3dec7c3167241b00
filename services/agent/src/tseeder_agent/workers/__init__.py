"""Loops that live as long as the agent."""
