"""What the daemon is told: one definition of every key, and what is made of it."""
