"""QR codes."""

import io

import segno


def qr_svg(text: str) -> str:
    """The text as an SVG document, black on white with a quiet zone, so that a dark page does not hide it."""
    out = io.BytesIO()
    segno.make(text, micro=False, error="m").save(out, kind="svg", xmldecl=False, nl=False, scale=4, light="#fff")
    return out.getvalue().decode()
