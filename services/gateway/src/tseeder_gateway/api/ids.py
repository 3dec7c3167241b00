"""Ids in paths, and of requests. What is no id names nothing: 404, as for somebody else's."""

from __future__ import annotations

import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Header, Path

from tseeder_kit.errors import not_found

AGENT_ID_PATTERN: Final = "^[a-z0-9][a-z0-9-]{0,127}$"
LINK_PATTERN: Final = "^[A-Za-z0-9_-]{43}$"
_LINK: Final = re.compile(LINK_PATTERN.strip("^$"))
_AGENT_ID: Final = re.compile(AGENT_ID_PATTERN.strip("^$"))
# Said, and not checked by the framework: what is no id is answered like one of nothing.
_UUID: Final = {"format": "uuid"}
_IN_LINK: Final = {"pattern": LINK_PATTERN}
GRANT_PATTERN: Final = "^[A-Za-z0-9_-]{96}$"
_GRANT: Final = re.compile(GRANT_PATTERN.strip("^$"))
_NAME: Final = {"pattern": AGENT_ID_PATTERN}
PROVIDER_PATTERN: Final = "^[a-z0-9][a-z0-9-]{0,31}$"
_PROVIDER: Final = re.compile(PROVIDER_PATTERN.strip("^$"))
_IN_SETTINGS: Final = {"pattern": PROVIDER_PATTERN}


def _uuid(text: str, code: str, message: str) -> str:
    try:
        return str(UUID(text)) if len(text) == 36 else _missing(code, message)
    except ValueError:
        return _missing(code, message)


def _missing(code: str, message: str) -> str:
    raise not_found(code, message)


async def _job(job_id: Annotated[str, Path(description="id of the job", json_schema_extra=_UUID)]) -> str:
    return _uuid(job_id, "job_not_found", "There is no such job.")


async def _file(file_id: Annotated[str, Path(description="id of the file", json_schema_extra=_UUID)]) -> str:
    return _uuid(file_id, "file_not_found", "There is no such file.")


async def _key(key_id: Annotated[str, Path(description="id of the API key", json_schema_extra=_UUID)]) -> str:
    return _uuid(key_id, "api_key_not_found", "There is no such API key.")


async def _user(user_id: Annotated[str, Path(description="id of the account", json_schema_extra=_UUID)]) -> str:
    return _uuid(user_id, "user_not_found", "There is no such account.")


async def _session(session_id: Annotated[str, Path(description="id of the session", json_schema_extra=_UUID)]) -> str:
    return _uuid(session_id, "session_not_found", "There is no such session.")


async def _agent(
    agent_id: Annotated[str, Path(description="the agent's name", json_schema_extra=_NAME)],
) -> str:
    if not _AGENT_ID.fullmatch(agent_id):
        raise not_found("agent_not_found", "There is no such agent.")
    return agent_id


async def _dead_letter(
    transfer_id: Annotated[str, Path(description="id of the transfer that failed", json_schema_extra=_UUID)],
) -> str:
    return _uuid(transfer_id, "dead_letter_not_found", "There is no such dead letter.")


async def _link(link_id: Annotated[str, Path(description="id of the link", json_schema_extra=_UUID)]) -> str:
    return _uuid(link_id, "link_not_found", "There is no such link.")


async def _token(
    token: Annotated[str, Path(description="the link's token; it is a secret", json_schema_extra=_IN_LINK)],
) -> str:
    if not _LINK.fullmatch(token):
        raise not_found("link_not_found", "There is no such link.")
    return token


async def _grant(
    grant: Annotated[
        str,
        Path(
            description="where the content was said to be; it is a secret", json_schema_extra={"pattern": GRANT_PATTERN}
        ),
    ],
) -> str:
    if not _GRANT.fullmatch(grant):
        raise not_found("content_url_expired", "This address has expired. Ask for the file's content again.")
    return grant


async def _provider(
    provider: Annotated[str, Path(description="name of the sign-in provider", json_schema_extra=_IN_SETTINGS)],
) -> str:
    if not _PROVIDER.fullmatch(provider):
        raise not_found("oidc_provider_unknown", "There is no such sign-in provider.")
    return provider


async def _linked_provider(
    provider: Annotated[str, Path(description="name of the sign-in provider", json_schema_extra=_IN_SETTINGS)],
) -> str:
    return provider if _PROVIDER.fullmatch(provider) else _missing("identity_not_found", "No such sign-in is linked.")


async def _subject(
    subject: Annotated[
        str, Path(description="the provider's name for the user", json_schema_extra={"minLength": 1, "maxLength": 255})
    ],
) -> str:
    if not 0 < len(subject) <= 255 or not all(" " <= char <= "~" for char in subject):
        raise not_found("identity_not_found", "No such sign-in is linked.")
    return subject


JobId = Annotated[str, Depends(_job)]
FileId = Annotated[str, Depends(_file)]
DeadLetterId = Annotated[str, Depends(_dead_letter)]
KeyId = Annotated[str, Depends(_key)]
UserId = Annotated[str, Depends(_user)]
SessionId = Annotated[str, Depends(_session)]
LinkId = Annotated[str, Depends(_link)]
LinkToken = Annotated[str, Depends(_token)]
GrantText = Annotated[str, Depends(_grant)]
AgentId = Annotated[str, Depends(_agent)]
ProviderName = Annotated[str, Depends(_provider)]
LinkedProvider = Annotated[str, Depends(_linked_provider)]
SubjectText = Annotated[str, Depends(_subject)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="the same key with the same request makes one thing, however often it is sent (for 24 h)",
        json_schema_extra={"pattern": "^[!-~]{1,255}$"},
    ),
]
