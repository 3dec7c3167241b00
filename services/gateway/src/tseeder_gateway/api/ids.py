"""Ids in paths. What is no id names nothing: 404, as for somebody else's."""

from __future__ import annotations

import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Path

from tseeder_kit.errors import not_found

_AGENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def _uuid(text: str, code: str, message: str) -> str:
    try:
        return str(UUID(text)) if len(text) == 36 else _missing(code, message)
    except ValueError:
        return _missing(code, message)


def _missing(code: str, message: str) -> str:
    raise not_found(code, message)


async def _job(job_id: Annotated[str, Path()]) -> str:
    return _uuid(job_id, "job_not_found", "There is no such job.")


async def _file(file_id: Annotated[str, Path()]) -> str:
    return _uuid(file_id, "file_not_found", "There is no such file.")


async def _key(key_id: Annotated[str, Path()]) -> str:
    return _uuid(key_id, "api_key_not_found", "There is no such API key.")


async def _agent(agent_id: Annotated[str, Path()]) -> str:
    if not _AGENT_ID.fullmatch(agent_id):
        raise not_found("agent_not_found", "There is no such agent.")
    return agent_id


JobId = Annotated[str, Depends(_job)]
FileId = Annotated[str, Depends(_file)]
KeyId = Annotated[str, Depends(_key)]
AgentId = Annotated[str, Depends(_agent)]
