"""Fail when a file or a function is too long to be read in one go. Run through `make lint`.

Files near 300 lines and functions near 30 are the aim; past LONGEST_FILE and LONGEST_FUNCTION the check fails. A file
that must be longer says why in ALLOWED.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LONGEST_FILE: Final = 500
LONGEST_FUNCTION: Final = 60
ALLOWED: Final[Mapping[str, str]] = {
    # path: why it must be longer
}
GENERATED: Final = "libs/proto/src/"


def sources() -> list[Path]:
    """Every Python file that git knows or would add, but for generated ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in names if not name.startswith(GENERATED) and (ROOT / name).is_file()]


def complaints(path: Path, text: str) -> Iterator[str]:
    """One line for each thing that is too long in a file."""
    lines = text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{path}: {lines} lines; at most {LONGEST_FILE}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines; at most {LONGEST_FUNCTION}"


def main() -> int:
    """0: nothing is too long."""
    found = [
        line
        for path in sources()
        if str(path.relative_to(ROOT)) not in ALLOWED
        for line in complaints(path.relative_to(ROOT), path.read_text(encoding="utf-8"))
    ]
    for line in found:
        sys.stdout.write(line + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
