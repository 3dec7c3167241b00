"""The errors of the launcher."""

from __future__ import annotations


class StackError(Exception):
    """Why the stack cannot start or go on, as one line for the person who started it (log lines may follow)."""


class AlreadyRunningError(StackError):
    """Another launcher holds the state folder: its stack runs on, untouched."""
