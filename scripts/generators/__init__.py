"""What is generated and committed: each module gives `generate() -> Files`, and writes nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

Files: TypeAlias = dict[str, bytes]  # path relative to the repository's root -> content

ROOT: Final = Path(__file__).resolve().parent.parent.parent
REFERENCE: Final = "docs/reference"  # everything below it is generated
