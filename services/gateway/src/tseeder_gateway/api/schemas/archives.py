"""Archives of files."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from tseeder_gateway.api.schemas.wire import OptionalText, Query
from tseeder_gateway.domain.file_ranges import PATTERN, file_ranges
from tseeder_gateway.usecases.open_archive import Chosen

MAX_CHARS: Final = 4096


class ArchiveQuery(Query):
    """Which files: all that are selected, unless said otherwise."""

    files: OptionalText = Field(
        default=None,
        max_length=MAX_CHARS,
        description="exactly these, by their indexes, as in `0-3,7`; 256 ranges at most",
        # Said, and not checked by the framework: what is none gets a code of its own.
        json_schema_extra={"pattern": PATTERN},
    )
    folder: OptionalText = Field(
        default=None, max_length=MAX_CHARS, description="only what is in this folder, as in `season 1/extras`"
    )

    def chosen(self) -> Chosen:
        """Raises AppError INVALID `bad_file_ranges`."""
        return Chosen(
            ranges=file_ranges(self.files) if self.files is not None else (),
            folder=tuple(self.folder.split("/")) if self.folder else (),
        )
