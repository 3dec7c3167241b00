"""What Kubernetes would say of a manifest: kubernetes-validate, strict."""

from __future__ import annotations

from functools import cache
from typing import Final

import kubernetes_validate  # type: ignore[import-untyped]

from tests.chart.rendering import Manifest

OLDEST: Final = "1.27"  # as Chart.yaml says
NEWEST: Final[str] = kubernetes_validate.latest_version()
Invalid = kubernetes_validate.ValidationError

# It reads and parses 2 MB for each manifest otherwise, which is nine tenths of the time.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)


def check(manifest: Manifest, version: str = NEWEST) -> None:
    """Raises Invalid if Kubernetes would not take it, or does not know a field of it."""
    kubernetes_validate.validate(manifest, version, strict=True)
