"""Data sets, training, evaluation and comparison; never imported by the daemon."""
