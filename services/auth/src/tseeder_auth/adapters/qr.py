"""QR codes."""

import segno


def qr_svg(text: str) -> str:
    """The text as an SVG document, black on white with a quiet zone, so that a dark page does not hide it."""
    return str(segno.make(text, micro=False, error="m").svg_inline(scale=4, dark="#000", light="#fff", svgns=True))
