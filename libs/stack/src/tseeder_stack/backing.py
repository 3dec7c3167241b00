"""Starts what services need behind them: Postgres, NATS, S3, mail. Each embedded, or an external one by setting."""

from __future__ import annotations

import asyncio

from tseeder_stack import mail_sink, nats, postgres, provision, radosgw, rclone
from tseeder_stack.mail import MailServer
from tseeder_stack.options import SCHEMAS, S3Kind
from tseeder_stack.s3 import S3Keys, S3Server, ensure_bucket
from tseeder_stack.site import Site

WAVE = 0  # stopped last
BUCKET = "tseeder"
REGION = "us-east-1"


async def start_postgres(site: Site) -> str:
    """Start Postgres; returns the administrator's URL (an external one's as it was given)."""
    options = site.options
    if options.postgres_url:
        site.urls["postgres"] = _public(options.postgres_url)
        return options.postgres_url
    installation = await asyncio.to_thread(postgres.install, site.state, site.secrets, safe=options.safe)
    port = site.ports.pick("postgres")
    program = postgres.program(installation, port, site.log("postgres"), safe=options.safe)
    await site.start(program, wave=WAVE)
    site.urls["postgres"] = program.url
    return installation.admin_url(port)


async def service_databases(site: Site, admin_url: str) -> dict[str, str]:
    """Make each service's role and schema, bring the schemas up to date; returns the URL for each service."""
    passwords = {service: site.secrets.text(f"postgres-{service}") for service in SCHEMAS}
    database = provision.database_of(site.options.postgres_url) or provision.DATABASE
    if site.options.postgres_url is None:
        await provision.create_database(admin_url, database)
    await provision.create_schemas(admin_url, database, passwords)
    urls = provision.service_urls(admin_url, database, passwords)
    await provision.migrate_all(urls)
    return urls


async def start_nats(site: Site) -> str:
    """Start NATS; returns the URL with which services connect."""
    if site.options.nats_url:
        site.urls["nats"] = _public(site.options.nats_url)
        return site.options.nats_url
    executable = await asyncio.to_thread(nats.binary)
    port, password = site.ports.pick("nats"), site.secrets.text("nats")
    program = nats.program(executable, site.state / "nats", port, password, site.log("nats"))
    await site.start(program, wave=WAVE)
    site.urls["nats"] = program.url
    return nats.url(port, password)


def plan_s3(site: Site, kind: S3Kind) -> S3Server:
    """The S3 server that `start_s3` will start: its address and keys are known before it runs."""
    if kind == "auto":
        kind = "rclone" if radosgw.missing_binaries() else "radosgw"
    jobs = S3Keys("tseederjobs", site.secrets.text("s3-jobs"))
    agent = S3Keys("tseederagent", site.secrets.text("s3-agent"))
    endpoint = f"http://127.0.0.1:{site.ports.pick(kind)}"
    folder = site.state / "rclone" if kind == "rclone" else None
    return S3Server(endpoint, REGION, BUCKET, jobs, agent, kind, folder)


async def start_s3(site: Site, server: S3Server) -> None:
    """Start the planned server (nothing, for an external one) and make its bucket."""
    site.urls["s3"] = server.endpoint
    if server.kind == "radosgw":
        await radosgw.start(site, server, wave=WAVE)
    elif server.kind == "rclone" and server.folder is not None:
        port, log = site.ports.given["rclone"], site.log("rclone")
        program = rclone.program(server.folder, port, server.bucket, (server.jobs, server.agent), log)
        await site.start(program, wave=WAVE)
    await make_bucket(server)


async def start_mail(site: Site) -> MailServer:
    """Start the mail server that keeps what it gets in the state folder; nothing, for an external one."""
    if site.options.external_mail is not None:
        server = site.options.external_mail
        site.urls["smtp"] = f"smtp://{server.host}:{server.port}"
        return server
    folder, port = site.state / "mail", site.ports.pick("smtp")
    program = await asyncio.to_thread(mail_sink.program, folder, port, site.log("mail"))
    await site.start(program, wave=WAVE)
    site.urls["smtp"] = program.url
    site.urls["mail"] = folder.as_uri()
    return MailServer(mail_sink.HOST, port, "plain")


async def make_bucket(server: S3Server) -> None:
    """Make the server's bucket, with the rights of agents in it where the server knows such."""
    await ensure_bucket(server)
    if server.kind == "radosgw":
        await asyncio.to_thread(radosgw.share_with_agents, server)
    elif server.kind == "rclone" and server.folder is not None:
        await asyncio.to_thread(rclone.keep_folders, server.folder / server.bucket)


def _public(url: str) -> str:
    """`url` without its credentials."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
