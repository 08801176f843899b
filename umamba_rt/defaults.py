"""Where the feed is, unless somebody says otherwise: the daemon, the listener, a subscriber."""

FEED_ADDRESS = "tcp://127.0.0.1:5560"
