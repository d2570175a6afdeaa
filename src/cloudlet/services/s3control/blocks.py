"""The blocks of public access of a whole account; S3 asks for them where a request depends on them."""

from typing import Any

import msgspec

from ...errors import AwsError
from ...identity.principal import service_principal
from ...kernel import Call
from ...store import Table
from . import errors
from .points import BLOCKS, Key, Point, check_account
from .service import s3control


class Blocks(msgspec.Struct):
    """Which public access an account never gives."""

    held: dict[str, bool]


_blocks = Table("s3control.blocks", Blocks, reach="account")  # ()


@s3control.operation
def put_public_access_block(call: Call, account_id: str,
                            public_access_block_configuration: dict[str, Any]) -> None:
    """Set which public access no bucket and no access point of the account gives."""
    check_account(call, account_id)
    held = {name: bool(public_access_block_configuration.get(name)) for name in BLOCKS}
    _blocks.put(call, record=Blocks(held))


@s3control.operation
def get_public_access_block(call: Call, account_id: str) -> dict[str, Any]:
    """Which public access the account never gives."""
    check_account(call, account_id)
    found = _blocks.get(call)
    if found is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(AccountId=account_id)
    return {"PublicAccessBlockConfiguration": found.held}


@s3control.operation
def delete_public_access_block(call: Call, account_id: str) -> None:
    """Let each bucket and access point of the account decide again."""
    check_account(call, account_id)
    _blocks.delete(call)


def is_policy_blocked(call: Call, key: Key, point: Point) -> bool:
    """Whether an access point may have no public policy: by itself, its account or its bucket."""
    block, account = "BlockPublicPolicy", key[0]
    held = _blocks.get(call.elsewhere(account=account))
    if point.blocks.get(block) or (held and held.held.get(block)):
        return True
    if point.bucket_account != account:
        return False
    me = service_principal("s3", account)
    try:
        found = call.invoke("s3", "GetPublicAccessBlock", as_principal=me, Bucket=point.bucket)
    except AwsError as error:
        if error.code not in ("NoSuchPublicAccessBlockConfiguration", "NoSuchBucket"):
            raise
        return False
    return bool(found["PublicAccessBlockConfiguration"].get(block))
