"""AWS IAM: users, groups, roles, and the policies that say what they may do."""

from . import (
    account,
    attachments,
    boundaries,
    grants,
    groups,
    inline,
    keys,
    managed,
    policy_resources,
    profiles,
    resources,
    roles,
    service_linked,
    simulation,
    users,
)
from .service import iam as service

__all__ = ["account", "attachments", "boundaries", "grants", "groups", "inline", "keys", "managed",
           "policy_resources", "profiles", "resources", "roles", "service", "service_linked",
           "simulation", "users"]
