"""Who asks, how they prove it, and what they may do. Pure: nothing here reads a store."""

from .principal import ANONYMOUS, Principal, root, service_principal

__all__ = ["ANONYMOUS", "Principal", "root", "service_principal"]
