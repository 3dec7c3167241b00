"""Operator verbs and their audit log."""
