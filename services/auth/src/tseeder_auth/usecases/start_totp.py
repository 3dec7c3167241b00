"""Enrolment of a second factor: its secret, for an authenticator app."""

from dataclasses import dataclass

from tseeder_auth.adapters.qr import qr_svg
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.adapters.totp import new_secret, provisioning_uri
from tseeder_auth.store import factors
from tseeder_auth.usecases.prove import Proven, lock_proven
from tseeder_kit.errors import AppError, conflict
from tseeder_pg import Pool, transaction


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """The secret in base32, as an otpauth URI, and as a QR code of that URI (SVG)."""

    secret: str
    uri: str
    qr_svg: str


async def start_totp(pool: Pool, sealer: Sealer, proven: Proven, *, issuer: str) -> Enrolment:
    """Begins one, in the place of one that was not confirmed; the user has proven himself.

    Errors: those of `lock_proven`; CONFLICT `totp_already_on`.
    """
    secret = new_secret()
    sealed = sealer.seal(secret.encode(), proven.user_id)
    async with transaction(pool) as tx:
        user, _ = await lock_proven(tx, proven)
        if not await factors.start_factor(tx, proven.user_id, sealed.key_id, sealed.ciphertext):
            raise already_on()
    uri = provisioning_uri(secret, account=user.email, issuer=issuer)
    return Enrolment(secret, uri, qr_svg(uri))


def already_on() -> AppError:
    """A factor is confirmed."""
    return conflict("totp_already_on", "This account has a second factor already; switch it off first.")
