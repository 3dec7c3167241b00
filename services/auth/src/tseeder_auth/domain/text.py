"""Text that people type: what a row and a screen can hold."""

import unicodedata

from tseeder_kit.errors import FieldError, invalid


def has_hidden(text: str) -> bool:
    """Whether it has control, format (zero width, bidi), unassigned or private characters, or line separators."""
    return any(unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp") for char in text)


def one_line(field: str, text: str, *, longest: int) -> str:
    """`text` without outer blanks; raises INVALID `bad_text` if it is empty, longer, or has hidden characters."""
    stripped = text.strip()
    if not stripped or len(stripped) > longest or has_hidden(stripped):
        message = f"{field} must be 1 to {longest} visible characters on one line."
        raise invalid("bad_text", message, fields=[FieldError(field, "bad_text", message)])
    return stripped


def clipped(text: str, *, longest: int) -> str:
    """What a client said about itself, cut and without hidden characters: it is shown, never relied on."""
    return "".join(char for char in text[:longest] if not has_hidden(char))
