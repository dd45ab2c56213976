"""Root's session server: what is not a job because somebody is at the other end. See `docs/decisions/0007`."""
