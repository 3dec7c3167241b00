"""Torrents, jobs, transfers, leases, files, objects, usage."""
