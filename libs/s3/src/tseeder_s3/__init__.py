"""Single requests of S3, for what is asked very often: botocore signs them, aiohttp sends them.

Why not by botocore's whole client: docs/decisions/0025.
"""

from tseeder_s3.sending import error_code, host_of, open_session, proxy_for
from tseeder_s3.signing import EMPTY_SHA256, Signer

__all__ = ["EMPTY_SHA256", "Signer", "error_code", "host_of", "open_session", "proxy_for"]
