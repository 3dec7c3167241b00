"""The public REST door."""
