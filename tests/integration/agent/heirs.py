"""What a successor needs to fetch, by what S3 holds; and what came out of the swarm."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.integration.jobs.running import Service, eventually
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.telemetry import exposition
from tseeder_testkit.torrents import Sample

ENTRIES = """
SELECT e.file_index, e.piece_offset, e.size_bytes, u.s3_upload_id, u.part_size_bytes, o.object_key, o.state
FROM entries e JOIN jobs j USING (torrent_id)
LEFT JOIN objects o ON o.entry_id = e.entry_id AND o.state IN ('writing', 'stored')
LEFT JOIN uploads u ON u.object_id = o.object_id AND u.state = 'open'
WHERE j.job_id = $1 ORDER BY e.file_index
"""


@dataclass(frozen=True)
class Estate:
    """`missing` are the ranges of piece space (offset, size) that no part in S3 covers; sizes are bytes."""

    missing: tuple[tuple[int, int], ...]
    held_bytes: int

    @property
    def missing_bytes(self) -> int:
        """What has to be sent."""
        return sum(size for _, size in self.missing)

    def to_fetch(self, sample: Sample) -> int:
        """Bytes of all the pieces that a missing part needs, those that straddle a held one included."""
        length = sample.piece_length
        pieces = {p for at, size in self.missing for p in range(at // length, (at + size - 1) // length + 1)}
        return sum(min(length, sample.total_size - piece * length) for piece in pieces)


async def estate_of(service: Service, s3: Any, job: model.Job) -> Estate:
    """What S3 itself says that it holds of a job, for whoever comes next."""
    missing: list[tuple[int, int]] = []
    held = 0
    for row in await service.rows(ENTRIES, uuid.UUID(job.job_id)):
        size, at = row["size_bytes"], row["piece_offset"]
        if row["state"] == "stored":
            held += size
            continue
        numbers: set[int] = set()
        if row["s3_upload_id"]:
            listed = await s3.list_parts(
                Bucket=service.world.s3.bucket, Key=row["object_key"], UploadId=row["s3_upload_id"]
            )
            numbers = {part["PartNumber"] for part in listed.get("Parts", [])}
        step = row["part_size_bytes"] or size
        parts = [(number, start, min(step, size - start)) for number, start in enumerate(range(0, size, step), 1)]
        held += sum(length for number, _, length in parts if number in numbers)
        missing += [(at + start, length) for number, start, length in parts if number not in numbers]
    return Estate(tuple(missing), held)


def received_bytes() -> int:
    """What peers have sent to the agents of this process."""
    name = "tseeder_agent_swarm_received_bytes_total "
    found = [line for line in exposition().decode().splitlines() if line.startswith(name)]
    return int(float(found[0].split()[1])) if found else 0


async def received_since(before: int, least: int) -> int:
    """What came since then, once it is `least`: the figure comes a moment after the bytes."""

    async def there() -> bool:
        return received_bytes() - before >= least

    await eventually(there)
    return received_bytes() - before
