"""Codes of authenticator apps, and how they get in there."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

from tseeder_auth.adapters.qr import qr_svg
from tseeder_auth.adapters.totp import matching_steps, new_secret, provisioning_uri

# RFC 6238, appendix B: the secret "12345678901234567890", SHA-1; the last six of its eight digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"))


def test_the_codes_of_the_standard() -> None:
    for seconds, code in VECTORS:
        assert matching_steps(SECRET, code, datetime.fromtimestamp(seconds, UTC)) == (seconds // 30,)


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    step, code = 1234567890 // 30, "005924"
    taken = {
        off: matching_steps(SECRET, code, datetime.fromtimestamp((step + off) * 30 + within, UTC))
        for off in (-2, -1, 0, 1, 2)
        for within in (0, 29)
    }
    assert taken == {-2: (), -1: (step,), 0: (step,), 1: (step,), 2: ()}


def test_a_secret_is_160_bits_and_its_uri_is_what_apps_read() -> None:
    secret, other = new_secret(), new_secret()
    assert len(secret) == 32
    assert secret != other
    uri = urlsplit(provisioning_uri(secret, account="ann+a@example.org", issuer="A & B"))
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/A & B:ann+a@example.org")
    assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["A & B"]}


def test_a_qr_code_is_an_svg_without_anything_that_runs() -> None:
    root = ElementTree.fromstring(qr_svg(provisioning_uri(SECRET, account="<script>@example.org", issuer="tseeder")))  # noqa: S314
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "path", "g", "rect"}
