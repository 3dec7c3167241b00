"""Every environment variable that the command reads by itself. (Options have theirs beside them: `envvar=`.)

docs/reference/settings.md is generated from this table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Variable:
    """What a variable does; `secret` ones are never printed."""

    meaning: str
    secret: bool = False


VARIABLES: Final[Mapping[str, Variable]] = {
    "TSEEDER_API_KEY": Variable("the API key to use, instead of the one that `tseeder login` made", secret=True),
    "TSEEDER_STATE": Variable("the folder of the stack on this machine, if it is no `.tseeder` here or above"),
    "TSEEDER_STACK_POSTGRES_URL": Variable(
        "`up`, `demo`: an external Postgres; its user may create roles, and schemas in that database", secret=True
    ),
    "TSEEDER_STACK_NATS_URL": Variable("`up`, `demo`: an external NATS", secret=True),
    "TSEEDER_STACK_S3_ENDPOINT": Variable("`up`, `demo`: an external S3 server; needs the bucket and the keys, too"),
    "TSEEDER_STACK_S3_REGION": Variable("its region; us-east-1 if not set"),
    "TSEEDER_STACK_S3_BUCKET": Variable("its bucket, which is there already"),
    "TSEEDER_STACK_S3_ACCESS_KEY": Variable("the access key of jobs, and of agents if they have none of their own"),
    "TSEEDER_STACK_S3_SECRET_KEY": Variable("the secret of that key", secret=True),
    "TSEEDER_STACK_S3_AGENT_ACCESS_KEY": Variable("an access key of the agents' own"),
    "TSEEDER_STACK_S3_AGENT_SECRET_KEY": Variable("the secret of that key", secret=True),
    "TSEEDER_STACK_SMTP_HOST": Variable("`up`, `demo`: an external mail server; needs _SMTP_FROM, too"),
    "TSEEDER_STACK_SMTP_FROM": Variable("whom mails are from: an address, or Name <address>"),
    "TSEEDER_STACK_SMTP_PORT": Variable("its port; 587 if not set"),
    "TSEEDER_STACK_SMTP_SECURITY": Variable("starttls, tls or plain; starttls if not set"),
    "TSEEDER_STACK_SMTP_USERNAME": Variable("whom to sign in as at the mail server; as nobody if not set"),
    "TSEEDER_STACK_SMTP_PASSWORD": Variable("the password for that", secret=True),
    "NO_COLOR": Variable("anything: text without colours"),
    "XDG_CONFIG_HOME": Variable("the folder of `tseeder/config.toml`, where logins are kept; ~/.config if not set"),
}


def read(name: str) -> str:
    """The value of a variable of the table, without space around it; "" if it is not set."""
    if name not in VARIABLES:
        raise KeyError(name)
    return os.environ.get(name, "").strip()
