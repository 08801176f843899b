"""Pure core: samples in, windows out; no I/O, no clock, no logging."""
