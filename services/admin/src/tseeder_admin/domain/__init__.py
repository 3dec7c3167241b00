"""Pure rules; imports no I/O."""
