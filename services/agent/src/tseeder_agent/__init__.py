"""Runs leased transfers: swarm in, S3 out."""
