"""Settings: one frozen class a service, read once at the start, wrong ones refused with one line.

A field `database_url` of the service `jobs` is read from the first of these that is set and not empty:
`TSEEDER_JOBS_DATABASE_URL`, `TSEEDER_JOBS_DATABASE_URL_FILE` (the path of a file that holds the value, for Docker and
Kubernetes secrets), `TSEEDER_DATABASE_URL`, `TSEEDER_DATABASE_URL_FILE`.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

__all__ = ["Field", "NatsUrl", "PostgresUrl", "SecretStr", "Settings", "SettingsError", "Target", "load"]

_PREFIX: Final = "TSEEDER_"
_FILE: Final = "_FILE"

# Kubernetes puts these into every container for each Service that is named tseeder-<service>.
_KUBERNETES_LINK: Final = re.compile(
    r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


_TARGET: Final = re.compile(r"(dns:///)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


def _url_of(*schemes: str) -> AfterValidator:
    """A URL with one of these schemes and a host. It may hold a password, so it is a secret."""

    def check(value: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(value.get_secret_value())
            right = parts.scheme in schemes and (parts.port or 1) > 0
        except ValueError:
            right = False
        if not right:
            raise ValueError(f"should be a {schemes[0]}:// URL")
        return value

    return AfterValidator(check)


def _host_and_port(value: str) -> str:
    match = _TARGET.fullmatch(value)
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError("should be host:port")
    return value


PostgresUrl: TypeAlias = Annotated[SecretStr, _url_of("postgresql", "postgres")]
NatsUrl: TypeAlias = Annotated[SecretStr, _url_of("nats", "tls")]
Target: TypeAlias = Annotated[str, AfterValidator(_host_and_port)]
"""Where a gRPC server is: `host:port`, or `dns:///host:port` for one of several addresses."""


class SettingsError(Exception):
    """Settings are wrong; the text is one line that says which and what is wanted, never a value."""


class Settings(BaseSettings):
    """What every service can be told; a service derives its own from it.

    Made directly (`Settings(host=...)`) it reads nothing but its arguments; `load` reads the environment.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="what is logged at least"
    )
    host: str = Field(default="127.0.0.1", description="the address that its ports listen on")
    ops_port: int = Field(default=0, ge=0, le=65535, description="port of metrics and health; 0 takes a free one")
    drain_seconds: float = Field(
        default=0.0, ge=0, le=300, description="how long it still serves after it was told to stop and says not ready"
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="http(s):// URL of an OTLP/HTTP receiver of traces, without /v1/traces; none: no traces",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments only: `load` is the one reader of the environment."""
        return (init_settings,)


S = TypeVar("S", bound=Settings)


def load(cls: type[S], service: str, environ: Mapping[str, str] | None = None) -> S:
    """Reads the settings of `service` from the environment (or from `environ`).

    Raises SettingsError for a missing or wrong value, and for a `TSEEDER_<SERVICE>_*` variable that no field knows,
    since a misspelt setting that is silently ignored costs somebody a night.
    """
    env = os.environ if environ is None else environ
    own = f"{_PREFIX}{service.upper().replace('-', '_')}_"
    _refuse_unknown(cls, own, env)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, field in cls.model_fields.items():
        found = _find(cls, name, own, env)
        if found is not None:
            sources[name], text = found
            values[name] = _structured(sources[name], field, text)
    try:
        return cls(**values)
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_context=False)
        raise SettingsError("; ".join(_problem(cls, own, sources, values, each) for each in problems)) from None


def _refuse_unknown(cls: type[Settings], own: str, env: Mapping[str, str]) -> None:
    known = {own + name.upper() + suffix for name in cls.model_fields for suffix in ("", _FILE)}
    unknown = sorted(
        name
        for name in env
        if name.startswith(own) and name not in known and not _KUBERNETES_LINK.fullmatch(name.removeprefix(own))
    )
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: no such setting (misspelt?)")


def _find(cls: type[Settings], name: str, own: str, env: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that sets a field, and its value."""
    for prefix in (own, _PREFIX):
        variable = prefix + name.upper()
        direct = env.get(variable) or None
        # A field that is itself called <name>_file owns that variable.
        path = None if f"{name}_file" in cls.model_fields else env.get(variable + _FILE) or None
        if direct is not None and path is not None:
            raise SettingsError(f"{variable} and {variable}{_FILE} are both set: set one")
        if direct is not None:
            return variable, direct
        if path is not None:
            return variable + _FILE, _read(variable + _FILE, path)
    return None


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8 text"
        raise SettingsError(f"{variable} names a file that cannot be read: {reason}") from None


def _structured(variable: str, field: FieldInfo, text: str) -> object:
    """Lists are comma-separated or JSON, mappings are JSON, everything else is left to pydantic."""
    shapes = _shapes(field.annotation)
    as_list = bool(shapes & {list, tuple, set, frozenset})
    if not as_list and dict not in shapes:
        return text
    if as_list and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except ValueError:
        raise SettingsError(f"{variable}: should be {'a list' if as_list else 'a JSON object'}") from None


def _shapes(annotation: Any) -> set[object]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return set().union(*(_shapes(part) for part in get_args(annotation) if part is not NoneType))
    if origin is Mapping or annotation is Mapping:
        return {dict}
    return {origin or annotation}


def _problem(
    cls: type[Settings], own: str, sources: Mapping[str, str], values: Mapping[str, Any], detail: ErrorDetails
) -> str:
    """One complaint, free of the value that caused it."""
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if name not in cls.model_fields:
        return _own_words(detail, values.values())
    wanted = cls.model_fields[name].description
    tail = f" ({wanted})" if wanted else ""
    if detail["type"] == "missing":
        return f"{own}{name.upper()} (or {_PREFIX}{name.upper()}) is missing{tail}"
    return f"{sources.get(name, own + name.upper())}: {_own_words(detail, (values.get(name),))}{tail}"


def _own_words(detail: ErrorDetails, values: Any) -> str:
    """Pydantic's text names what is wanted; a validator's own words could quote the value, and are dropped if so."""
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    quoted = any(text and text in message for value in values for text in _texts(value))
    custom = detail["type"] in ("value_error", "assertion_error")
    return "is not acceptable" if custom and quoted else " ".join(message.split())


def _texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]
