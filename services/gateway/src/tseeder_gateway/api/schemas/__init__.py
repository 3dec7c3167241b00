"""Request and response bodies: strict, closed, and the source of /openapi.json."""
