"""What Postgres says about a statement."""


def rows_of(status: str) -> int:
    """How many rows it was about, of its command tag: `DELETE 3`."""
    return int(status.rpartition(" ")[2])
