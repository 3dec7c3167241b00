"""Codes are read from the source; what cannot be read, or contradicts itself, is complained of."""

from __future__ import annotations

import pytest

from scripts.generators.error_advice import forgotten
from scripts.generators.error_codes import Code, all_codes, read_codes
from scripts.generators.errors import generate
from scripts.generators.literals import module_of
from tseeder_gateway.api.problem_codes import STATUS
from tseeder_kit.errors import Kind

FILE = "services/jobs/src/tseeder_jobs/domain/sample.py"
IMPORTS = "from tseeder_kit.errors import AppError, FieldError, Kind, conflict, internal, invalid\n"


def read(text: str) -> tuple[dict[str, Code], list[str]]:
    return read_codes([module_of(FILE, IMPORTS + text)])


@pytest.mark.parametrize(
    ("text", "code", "kind", "message"),
    [
        ('raise invalid("a", "Too bad.")', "a", Kind.INVALID, "Too bad."),
        ('raise AppError(Kind.TOO_LARGE, "a", f"At most {LIMIT}.")\nLIMIT = 5', "a", Kind.TOO_LARGE, "At most 5."),
        ("raise internal()", "internal", Kind.INTERNAL, "Something went wrong inside tseeder."),
        ('CODE = "a"\nraise conflict(CODE, "x")', "a", Kind.CONFLICT, "x"),
        ('def f(code, text):\n return invalid(f"p_{code}", text)\nraise f("a", "x")', "p_a", Kind.INVALID, "x"),
        ('def f(code):\n return g(code)\ndef g(code):\n raise conflict(code, "x")\nf("a")', "a", Kind.CONFLICT, "x"),
        ('def f(code="a"):\n raise conflict(code, "x")\nf()', "a", Kind.CONFLICT, "x"),
        ('def f(name):\n message = f"{name}!"\n raise conflict("a", message)\nf("n")', "a", Kind.CONFLICT, "n!"),
        (
            'def f(code):\n kind = Kind.RANGE if code == "a" else Kind.INVALID\n return AppError(kind, code, "x")\n'
            'raise f("a")',
            "a",
            Kind.RANGE,
            "x",
        ),
        (
            'class E(AppError):\n def __init__(self):\n  super().__init__(Kind.INVALID, "a", "x")',
            "a",
            Kind.INVALID,
            "x",
        ),
    ],
)
def test_a_code_is_found_however_it_gets_there(text: str, code: str, kind: Kind, message: str) -> None:
    codes, found = read(text)
    assert found == []
    assert [(each.code, each.kind, each.messages, each.parts) for each in codes.values()] == [
        (code, kind, (message,), ("jobs",))
    ]


@pytest.mark.parametrize(
    "text",
    [
        'raise invalid(read(), "x")',
        'raise invalid("a b", "x")',
        'for code in codes:\n raise invalid(code, "x")',
        'raise invalid(f"a_{number}", "x")',
        'raise AppError(kind, "a", "x")',
        'class C:\n def f(self, code):\n  raise invalid(code, "x")',
        'def f(code):\n raise invalid(code, "x")',
        'def f(code):\n code = "a"\n code = "b"\n raise invalid(code, "x")',
        'make = partial(invalid, "a")',
        "import tseeder_kit.errors",
    ],
)
def test_what_cannot_be_read_is_complained_of(text: str) -> None:
    _, found = read(text)
    assert len(found) == 1
    assert found[0].startswith(f"{FILE}:")


def test_a_code_has_one_kind() -> None:
    _, found = read('invalid("a", "x")\nconflict("a", "x")')
    assert found == [f"a: has more than one kind, in {FILE}"]


def test_advice_about_nothing_is_complained_of() -> None:
    codes, _ = read('invalid("torrent_x", "x")')
    lines = forgotten(codes)
    assert "email_taken: has advice, and nobody raises it" in lines
    assert "magnet_*: has advice, and nobody raises it" in lines
    assert not any(line.startswith("torrent_*") for line in lines)


def test_every_code_of_the_gateway_is_raised_somewhere_with_its_status() -> None:
    raised = {(code.code, code.status) for code in all_codes().values()}
    assert set(STATUS.items()) - raised == set()


def test_every_code_is_in_the_page() -> None:
    codes = all_codes()
    (page,) = generate().values()
    assert all(f"| `{code}` |" in page.decode() for code in codes)
    for code, kind in (
        ("torrent_too_large", Kind.TOO_LARGE),
        ("magnet_bad_hash", Kind.INVALID),
        ("info_hash_bad", Kind.INVALID),
        ("lease_lost", Kind.PRECONDITION),
        ("cors_refused", Kind.FORBIDDEN),
        ("headers_too_large", None),
    ):
        assert codes[code].kind is kind
