"""The pre-commit hooks run programs of `make setup` and scripts of this tree, and download nothing."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_hooks_are_local_and_their_programs_are_there() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [(repo["repo"], hook) for repo in config["repos"] for hook in repo["hooks"]]
    assert {hook["id"] for _, hook in hooks} >= {
        "ruff-check",
        "ruff-format",
        "sizes",
        "migrations",
        "imports",
        "generated",
    }
    for repo, hook in hooks:
        assert (repo, hook["language"]) == ("local", "system")
        program, *arguments = hook["entry"].split()
        assert program.startswith(".venv/bin/")
        assert (ROOT / program).exists()
        assert all((ROOT / each).is_file() for each in arguments if each.endswith(".py"))
