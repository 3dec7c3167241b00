"""What the schema promises beyond single rows."""

from __future__ import annotations

from tseeder_pg import connection, open_pool
from tseeder_stack.provision import Database

UNINDEXED = """
SELECT c.conrelid::regclass::text AS child, a.attname AS column
FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'jobs'::regnamespace
  AND NOT EXISTS (
    SELECT 1 FROM pg_index i
    WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]
      AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
"""


async def test_every_foreign_key_has_an_index(migrated_database: Database) -> None:
    """Else deleting one row of the parent reads the whole child."""
    async with open_pool(migrated_database.urls["jobs"], application_name="test") as pool, connection(pool) as held:
        assert [tuple(row) for row in await held.fetch(UNINDEXED)] == []
