"""One file per outside library."""
