"""What documents point at is there: relative links, and files and folders of this tree that they name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("proto", "libs", "services", "scripts", "tests", "docs", "charts", "k8s")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]+)?\)")
NAMED = re.compile(rf"`((?:{'|'.join(TOPS)})/[\w./-]+)`")


def documents() -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if (ROOT / name).is_file()]


def lost(text: str, folder: Path, root: Path) -> list[str]:
    """What a document in `folder` points at, and is not there."""
    prose = FENCED.sub("", text)
    links = [target for target, _ in LINK.findall(prose) if "://" not in target and not target.startswith("mailto:")]
    return [target for target in links if not (folder / target).exists()] + [
        name for name in NAMED.findall(prose) if not (root / name).exists()
    ]


def test_what_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").touch()
    text = "[a](docs/a.md#x) [b](docs/b.md) [c](https://c.example/d) `docs/a.md` `docs/e.md`\n```\n[f](g)\n```\n"
    assert lost(text, tmp_path, tmp_path) == ["docs/b.md", "docs/e.md"]


@pytest.mark.parametrize("name", documents())
def test_what_a_document_points_at_is_there(name: str) -> None:
    path = ROOT / name
    assert lost(path.read_text(encoding="utf-8"), path.parent, ROOT) == []
