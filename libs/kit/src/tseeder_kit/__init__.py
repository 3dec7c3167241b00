"""Errors, settings, logging, telemetry, lifecycle, ids and clock, shared by all services."""
