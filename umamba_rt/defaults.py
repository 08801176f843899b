"""Where the daemon is, unless somebody says otherwise: itself, its tools, a subscriber."""

FEED_ADDRESS = "tcp://127.0.0.1:5560"
QUERY_ADDRESS = "tcp://127.0.0.1:5561"
METRICS_ADDRESS = "127.0.0.1:5562"
