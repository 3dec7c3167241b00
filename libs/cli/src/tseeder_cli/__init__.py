"""The tseeder command."""
