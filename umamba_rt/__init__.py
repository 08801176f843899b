"""Real-time magnitude from SeedLink streams with UMamba, published over ZeroMQ."""

__version__ = "0.1.0"
