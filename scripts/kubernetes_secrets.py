"""Print the Secrets that the chart wants and that are only random: the identity keys, the key files of jobs and of
auth, the join secret of agents, the tokens of auth's feed. They are made once, in FOLDER, and are the same ever after.

    python scripts/kubernetes_secrets.py FOLDER | kubectl -n NAMESPACE apply -f -

Keep FOLDER: without the key files in it no job in the database can be read (crypto-keys), and nobody who has a second
factor can sign in (auth-crypto-keys). With --dev also those of the
backing services in k8s/backing.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tseeder_auth.adapters.sealing import write_key_file as write_auth_key_file
from tseeder_jobs.adapters.crypto import write_key_file
from tseeder_stack.options import SCHEMAS
from tseeder_stack.provision import role
from tseeder_stack.rclone import auth_keys
from tseeder_stack.s3 import S3Keys
from tseeder_stack.secrets import Secrets

DEV_NAMESPACE: Final = "tseeder-dev"


def of_release(secrets: Secrets) -> dict[str, dict[str, str]]:
    """name -> key -> value, as charts/tseeder/values.yaml names them."""
    keys = secrets.path("crypto-keys")
    write_key_file(keys)
    auth_keys = secrets.path("auth-crypto-keys")
    write_auth_key_file(auth_keys)
    return {
        "tseeder-identity": {
            "private.pem": secrets.identity_private_key().read_text(),
            "public.pem": secrets.identity_public_keys().read_text(),
        },
        "tseeder-crypto": {"keys.json": keys.read_text()},
        "tseeder-auth-crypto": {"keys.json": auth_keys.read_text()},
        "tseeder-agent-join": {"secret": secrets.text("agent-join")},
        "tseeder-feed-tokens": {
            "jobs": secrets.text("jobs-feed"),
            "billing": secrets.text("billing-feed"),
        },
    }


def of_backing(secrets: Secrets) -> dict[str, dict[str, str]]:
    """The same of k8s/backing, and how the release reaches it."""
    passwords = {service: secrets.text(f"postgres-{service}") for service in SCHEMAS}
    pairs = {who: S3Keys(f"tseeder-{who}", secrets.text(f"s3-{who}")) for who in ("jobs", "agent")}
    return {
        "postgres-passwords": {**passwords, "postgres": secrets.text("postgres-superuser")},
        "tseeder-database": {
            service: f"postgresql://{role(service)}:{password}@postgres:5432/tseeder"
            for service, password in passwords.items()
        },
        "s3-keys": {"auth-key": auth_keys(tuple(pairs.values()))},
        **{f"tseeder-s3-{who}": {"access-key": pair.access, "secret-key": pair.secret} for who, pair in pairs.items()},
    }


def manifest(name: str, values: Mapping[str, str], namespace: str | None) -> dict[str, Any]:
    """One Secret."""
    where = {"namespace": namespace} if namespace else {}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **where}, "data": data}


def main() -> int:
    """0: they were printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where they are kept")
    parser.add_argument("--dev", action="store_true", help=f"for k8s/backing, in the namespace {DEV_NAMESPACE}")
    args = parser.parse_args()
    secrets = Secrets(args.folder)
    named = of_release(secrets) | (of_backing(secrets) if args.dev else {})
    items = [manifest(name, values, DEV_NAMESPACE if args.dev else None) for name, values in named.items()]
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
