"""What reaches the agent from outside: the doorbell."""
