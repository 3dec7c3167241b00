"""The last release's code runs on the schema that this tree's migrations make, as it must while a release rolls out.

The newest tag `v*` before this commit is the last release. Its tree is set up with its own dependencies, gets this
tree's migration files in place of its own, and runs its own tests: every SQL statement that it has is prepared, and
jobs carry a torrent from the submit to the stored objects. Before the first tag there is nothing to run.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.migration.previous import ROOT, last_release, set_up

NONE = "no release yet"
# Tests of the release. A release that calls them something else: choose by its tag.
SMOKE = ("tests/contract/test_sql.py", "tests/integration/jobs/test_main_way.py")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tag", [last_release()], ids=lambda tag: tag or NONE)
def test_its_code_on_this_schema(tag: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    if tag is None:
        before = subprocess.run(
            ["git", "describe", "--match", "v*", "--abbrev=0", "--tags", "HEAD^"],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert before.returncode != 0, before.stdout
        with capsys.disabled():
            print(f"{NONE}: there is no tag v* before this commit")
        return
    release = set_up(tag)
    changed = [
        name
        for name, content in release.migrations().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != content
    ]
    assert changed == [], f"released with {tag}; write a new migration instead"
    release.take_migrations_of(ROOT)
    done = release.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *SMOKE)
    assert done.returncode == 0, f"{tag} does not run on this schema:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
