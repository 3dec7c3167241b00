"""Time-based one-time codes (RFC 6238): SHA-1, six digits, 30 s, which is what all authenticator apps know."""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final

from pyotp import TOTP

STEP_SECONDS: Final = 30
SKEW_STEPS: Final = 1  # a phone's clock may be this far off, either way
_SECRET_BYTES: Final = 20  # RFC 4226: 160 bits


def new_secret() -> str:
    """A secret in base32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def matching_steps(secret: str, digits: str, now: datetime) -> tuple[int, ...]:
    """The steps around `now` whose code this is, earliest first; nearly always one or none."""
    totp = TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    steps = range(current - SKEW_STEPS, current + SKEW_STEPS + 1)
    return tuple(step for step in steps if hmac.compare_digest(totp.generate_otp(step), digits))


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """`otpauth://totp/...`, which a QR code carries into an app."""
    return TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)
