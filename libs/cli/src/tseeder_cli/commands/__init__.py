"""The command line: arguments, options and help texts. What the commands do is in tseeder_cli.verbs."""
