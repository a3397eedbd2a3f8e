"""Settings, the composition root and the life of the daemon."""
