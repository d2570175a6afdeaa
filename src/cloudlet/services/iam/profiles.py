"""Instance profiles: how a machine would be given a role. Kept because templates make them."""

from typing import Any

from ...kernel import Call
from . import limits, paging, tagging
from . import roles as role_operations
from .entities import create, find, refuse_leftovers, refuse_protected, under
from .errors import LimitExceededException, NoSuchEntityException
from .records import InstanceProfile, arn_of, key_of, profiles, remove, roles, save, unique_id
from .service import iam


@iam.operation
def create_instance_profile(call: Call, instance_profile_name: str, path: str = "/",
                            tags: tagging.Tags | None = None) -> dict[str, Any]:
    """Make an instance profile."""
    profile = InstanceProfile(instance_profile_name, unique_id(call, "instance-profile"), path,
                              call.now_ms // 1000, tags=tagging.read(tags))
    create(call, profile, profiles, limits.INSTANCE_PROFILES)
    return {"InstanceProfile": show(call, profile)}


@iam.operation
def get_instance_profile(call: Call, instance_profile_name: str) -> dict[str, Any]:
    """An instance profile in full."""
    return {"InstanceProfile": show(call, find(call, profiles, instance_profile_name))}


@iam.operation
def list_instance_profiles(call: Call, path_prefix: str = "/", marker: str | None = None,
                           max_items: int | None = None) -> dict[str, Any]:
    """The instance profiles under a path, in pages."""
    found, rest = paging.page(under(call, profiles, path_prefix), marker, max_items,
                              lambda each: show(call, each))
    return {"InstanceProfiles": found, **rest}


@iam.operation
def list_instance_profiles_for_role(call: Call, role_name: str, marker: str | None = None,
                                    max_items: int | None = None) -> dict[str, Any]:
    """The instance profiles that hold a role, in pages."""
    role = find(call, roles, role_name)
    items = [(key, find(call, profiles, key)) for key in role.profiles]
    found, rest = paging.page(paging.listed(items), marker, max_items, lambda each: show(call, each))
    return {"InstanceProfiles": found, **rest}


@iam.operation
def add_role_to_instance_profile(call: Call, instance_profile_name: str, role_name: str) -> None:
    """Put a role into an instance profile, which holds one."""
    profile, role = find(call, profiles, instance_profile_name), find(call, roles, role_name)
    refuse_protected(role)
    if len(profile.roles) >= limits.ROLES_PER_INSTANCE_PROFILE:
        raise LimitExceededException("Cannot exceed quota for InstanceSessionsPerInstanceProfile: "
                                     f"{limits.ROLES_PER_INSTANCE_PROFILE}")
    profile.roles.append(key_of(role.name))
    role.profiles.append(key_of(profile.name))
    save(call, profile)
    save(call, role)


@iam.operation
def remove_role_from_instance_profile(call: Call, instance_profile_name: str, role_name: str) -> None:
    """Take the role out of an instance profile."""
    profile, role = find(call, profiles, instance_profile_name), find(call, roles, role_name)
    if key_of(role.name) not in profile.roles:
        raise NoSuchEntityException(f"The role with name {role_name} cannot be found.")
    profile.roles.remove(key_of(role.name))
    role.profiles.remove(key_of(profile.name))
    save(call, profile)
    save(call, role)


@iam.operation
def delete_instance_profile(call: Call, instance_profile_name: str) -> None:
    """Remove an instance profile."""
    profile = find(call, profiles, instance_profile_name)
    refuse_leftovers(profile, {"remove roles from instance profile": profile.roles})
    remove(call, profile)


@iam.operation
def tag_instance_profile(call: Call, instance_profile_name: str, tags: tagging.Tags) -> None:
    """Set tags of an instance profile."""
    profile = find(call, profiles, instance_profile_name)
    profile.tags = tagging.merged(profile.tags, tags)
    save(call, profile)


@iam.operation
def untag_instance_profile(call: Call, instance_profile_name: str, tag_keys: list[str]) -> None:
    """Remove tags from an instance profile."""
    profile = find(call, profiles, instance_profile_name)
    profile.tags = tagging.without(profile.tags, tag_keys)
    save(call, profile)


@iam.operation
def list_instance_profile_tags(call: Call, instance_profile_name: str, marker: str | None = None,
                               max_items: int | None = None) -> dict[str, Any]:
    """The tags of an instance profile, in pages."""
    return tagging.page(find(call, profiles, instance_profile_name).tags, marker, max_items)


def show(call: Call, profile: InstanceProfile) -> dict[str, Any]:
    """An instance profile with its role."""
    return {"Path": profile.path, "InstanceProfileName": profile.name, "InstanceProfileId": profile.id,
            "Arn": arn_of(call, profile), "CreateDate": profile.created_s,
            "Roles": [role_operations.brief(call, find(call, roles, key)) for key in profile.roles],
            "Tags": tagging.show(profile.tags) if profile.tags else None}
