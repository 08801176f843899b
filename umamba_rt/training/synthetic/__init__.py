"""Synthetic records: the stochastic method of Boore (2003), from source to digitiser."""
