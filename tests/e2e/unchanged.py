"""A digest of every row of a schema, to prove that what was refused has changed nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

Fetch = Callable[..., Awaitable[Sequence[Any]]]


async def rows(fetch: Fetch, schema: str, restless: Collection[str]) -> dict[str, tuple[int, str]]:
    """Count and digest of the rows of each table of `schema`, but those that change whoever asks for what."""
    tables = await fetch(
        """SELECT table_name FROM information_schema.tables
           WHERE table_schema = $1 AND table_type = 'BASE TABLE' AND table_name <> ALL($2::text[])""",
        schema,
        list(restless),
    )
    union = " UNION ALL ".join(
        f"SELECT '{name}', count(*), COALESCE(md5(string_agg(t::text, '|' ORDER BY t::text)), '') "  # noqa: S608
        f"FROM {schema}.{name} t"
        for (name,) in tables
    )
    return {name: (count, digest) for name, count, digest in await fetch(union)}
