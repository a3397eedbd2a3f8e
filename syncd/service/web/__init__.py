"""The HTTP face of the daemon: health, metrics, status page, the way back from a shop's consent page, webhooks."""
