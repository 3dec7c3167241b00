"""Whether this machine gives the tests network namespaces of their own."""

from __future__ import annotations

import subprocess


def namespaces_are_given() -> bool:
    """Whether a namespace with mounts of its own can be made: by root, where no container forbids it."""
    argv = ["unshare", "--net", "--mount", "--", "ip", "link", "set", "lo", "up"]
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
