"""`~/.config/tseeder/config.toml`: the API keys that `tseeder login` made, one for each server. Mode 0600."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from tseeder_cli import variables
from tseeder_cli.errors import CliError


@dataclass(frozen=True)
class Login:
    """What is remembered of one server. `key_id` names the key at the server, so that logout can revoke it."""

    url: str
    api_key: str = field(repr=False)
    email: str = ""
    key_id: str = ""


@dataclass(frozen=True)
class Config:
    """`logins` by server (a URL, or `stack:<state folder>` for a local stack, whose port may change)."""

    current: str = ""
    logins: dict[str, Login] = field(default_factory=dict)

    def with_login(self, server: str, login: Login, *, current: bool) -> Config:
        return replace(self, current=server if current else self.current, logins={**self.logins, server: login})

    def without(self, server: str) -> Config:
        """Without its key. It stays the server that commands mean: they say that nobody is signed in there."""
        return replace(self, logins={name: login for name, login in self.logins.items() if name != server})


def config_path() -> Path:
    """`$XDG_CONFIG_HOME/tseeder/config.toml`, else below `~/.config`."""
    root = variables.read("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(root) / "tseeder" / "config.toml"


def load(path: Path) -> Config:
    """The stored configuration; an empty one if there is no file."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        servers = raw.get("servers", {})
        logins = {
            name: Login(item["url"], item["api_key"], item.get("email", ""), item.get("key_id", ""))
            for name, item in servers.items()
        }
    except FileNotFoundError:
        return Config()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CliError(
            f"{path} is not understood: {error}", code="bad_config", hint="Mend it, or delete it."
        ) from error
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}", code="bad_config") from error
    return Config(current=str(raw.get("current", "")), logins=logins)


def save(path: Path, config: Config) -> None:
    """Write `config` so that nobody else can read it, and a crash leaves the old file or the new one."""
    lines = [f"current = {_quoted(config.current)}"] if config.current else []
    for name, login in config.logins.items():
        lines += ["", f"[servers.{_quoted(name)}]", f"url = {_quoted(login.url)}"]
        lines += [f"api_key = {_quoted(login.api_key)}", f"email = {_quoted(login.email)}"]
        lines += [f"key_id = {_quoted(login.key_id)}"]
    write_private(path, "\n".join(lines).lstrip() + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text`, mode 0600, atomically; a folder that has to be made is 0700."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}", code="bad_config") from error


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's, but for DEL."""
    return json.dumps(text).replace("\x7f", "\\u007F")
