"""A page for people who open the gateway's address in a browser. It is no part of the API."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

_HEADERS: Final = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>tseeder</title>
<style>
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
pre { padding: 1rem; overflow-x: auto; background: #8882 }
</style>
<h1>tseeder</h1>
<p>A cloud torrent platform: a magnet or a .torrent in, files in an object store out. You have reached its gateway,
which serves a REST API for programs; there is no web interface here.</p>
<ul>
<li><a href="/openapi.json">/openapi.json</a>: every route, what it takes and what it answers</li>
<li><a href="/readyz">/readyz</a>: whether it is ready</li>
</ul>
<p>From a terminal:</p>
<pre>tseeder login THIS-ADDRESS
tseeder add movie.torrent --watch
tseeder --help</pre>
<p>Accounts are made by this server's operators.</p>
</html>
"""


@router.api_route("/", methods=["GET", "HEAD"])
async def front_page() -> Response:
    """What this is, and where to go on."""
    return Response(_PAGE, media_type="text/html", headers=_HEADERS)
