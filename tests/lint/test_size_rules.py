"""What scripts/check_sizes.py complains of, and what it lets pass."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import check_sizes
from scripts.check_sizes import ALLOWED, LONGEST_FILE, LONGEST_FUNCTION, ROOT, complaints


def function(lines: int, kind: str = "def") -> str:
    """One of so many lines."""
    return f"{kind} work():\n" + "    pass\n" * (lines - 1)


def said(text: str) -> list[str]:
    return list(complaints(Path("a.py"), text))


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_that_is_too_long(kind: str) -> None:
    assert said(function(LONGEST_FUNCTION, kind)) == []
    assert said("x = 1\n" + function(LONGEST_FUNCTION + 1, kind)) == ["a.py:2: work has 61 lines; at most 60"]


def test_a_method_and_a_function_in_a_function_count_too() -> None:
    method = "class A:\n" + "".join(f"    {line}\n" for line in function(61).splitlines())
    assert said(method) == ["a.py:2: work has 61 lines; at most 60"]
    assert len(said(method.replace("class A", "def a()"))) == 2


def test_a_file_that_is_too_long() -> None:
    assert said("x = 1\n" * LONGEST_FILE) == []
    assert said("x = 1\n" * (LONGEST_FILE + 1)) == ["a.py: 501 lines; at most 500"]


def test_a_tree_with_a_long_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.setattr(check_sizes, "ROOT", tmp_path)
    (tmp_path / "fine.py").write_text("x = 1\n")
    (tmp_path / "libs" / "proto" / "src").mkdir(parents=True)
    (tmp_path / "libs" / "proto" / "src" / "made_pb2.py").write_text("x = 1\n" * 501)
    assert check_sizes.main() == 0
    (tmp_path / "long.py").write_text("x = 1\n" * 501)
    assert check_sizes.main() == 1
    assert capsys.readouterr().out == "long.py: 501 lines; at most 500\n"
    monkeypatch.setattr(check_sizes, "ALLOWED", {"long.py": "it is a table"})
    assert check_sizes.main() == 0


def test_what_may_be_longer_is_there_and_says_why() -> None:
    for name, reason in ALLOWED.items():
        assert (ROOT / name).is_file(), name
        assert len(reason) > 20, name
