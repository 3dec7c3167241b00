"""Launches real Postgres, NATS, S3 and tseeder services as child processes."""
