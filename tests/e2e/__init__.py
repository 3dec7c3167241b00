"""End to end: everything real, as child processes, used by REST. A package, so that its one stack ends with it."""

import pytest

pytest.register_assert_rewrite("tests.e2e.people", "tests.e2e.world")  # so that their assertions say what they saw
