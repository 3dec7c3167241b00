"""End to end: everything real, as child processes, used by REST. A package, so that its one stack ends with it."""
