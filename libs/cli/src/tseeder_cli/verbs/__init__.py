"""What the commands do, with everything that they need imported."""
