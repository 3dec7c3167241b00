"""The public REST door: HTTP on one side, messages of the services on the other."""
