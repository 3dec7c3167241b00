"""One file or package per outside system."""
