"""RadosGW."""

from tseeder_stack.s3 import S3Server
from tseeder_stack.site import Site

BINARIES = ("ceph-mon", "ceph-osd", "radosgw")


def missing_binaries() -> list[str]:
    return ["x"]


async def start(site: Site, server: S3Server, *, wave: int) -> None: ...
