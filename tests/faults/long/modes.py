"""Which of the two ways in which agents write a test runs with."""

from __future__ import annotations

import pytest

BOTH = pytest.mark.parametrize("session_ground", ["key", "presigned"], indirect=True)
KEY = pytest.mark.parametrize("session_ground", ["key"], indirect=True)
