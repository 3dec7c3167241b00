"""docs/reference/openapi.json: the description of the public REST API, as the gateway serves it."""

from __future__ import annotations

import json

from scripts.generators import REFERENCE, Files
from tseeder_gateway.api import openapi
from tseeder_gateway.api.app import routes


def generate() -> Files:
    """The document, a line for each value, so that a change shows in a review."""
    text = json.dumps(openapi.describe(routes()), indent=1, sort_keys=True, ensure_ascii=False)
    return {f"{REFERENCE}/openapi.json": (text + "\n").encode()}
