"""Accounts, sessions, API keys and the internal identity token."""
