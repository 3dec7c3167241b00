"""`python -m tseeder_cli` is the `tseeder` command."""

from tseeder_cli.main import app

app(prog_name="tseeder")
