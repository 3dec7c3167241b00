"""Postgres pool, transactions, migrations and the feed."""
