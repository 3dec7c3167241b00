"""Stacks to break. Each module that breaks one has its own; after each test the invariants hold on it."""

from __future__ import annotations

from tests.e2e.fixtures import sample, swarm
from tests.e2e.reporting import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport", "sample", "swarm"]
