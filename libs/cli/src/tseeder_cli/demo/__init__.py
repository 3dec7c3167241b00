"""The parts of `tseeder demo`: its account, its swarm, its witnesses of what the right bytes are."""
