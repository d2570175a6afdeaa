"""How events travel: timers, deliveries with retry and dead letters, targets, sources."""
