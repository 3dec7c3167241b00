"""Which files a list is to hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tseeder_jobs.domain.media_types import FileType
from tseeder_jobs.domain.states import FileState
from tseeder_kit.errors import FieldError, invalid

LARGEST: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class FileFilter:
    """All of it holds for a file that is listed. `text` is part of its path, in any case ("": any); `types` and
    `states` are any of these (none: all); sizes are bytes, both included."""

    text: str = ""
    types: frozenset[FileType] = field(default_factory=frozenset)
    states: frozenset[FileState] = field(default_factory=frozenset)
    min_bytes: int = 0
    max_bytes: int = LARGEST

    def __post_init__(self) -> None:
        """INVALID `bad_size_range` for sizes that no file can have."""
        if not 0 <= self.min_bytes <= self.max_bytes:
            message = "min_bytes must not be negative, nor more than max_bytes."
            raise invalid("bad_size_range", message, fields=(FieldError("min_bytes", "bad_size_range", message),))

    @property
    def words(self) -> tuple[str, ...]:
        """The same filter is the same words: for cursors."""
        sizes = (str(self.min_bytes), str(self.max_bytes))
        return self.text, ",".join(sorted(self.types)), ",".join(sorted(self.states)), *sizes
