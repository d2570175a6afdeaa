"""What a function wants done before its snapshot is taken, and in every worker restored from it.

AWS's Python runtime brings a module of this name along; a package's own copy comes first.
Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

import typing

Function = typing.TypeVar("Function", bound=typing.Callable[..., object])
Registered = typing.List[typing.Tuple[typing.Callable[..., object], typing.Any, typing.Any]]
_before: Registered = []
_after: Registered = []


def register_before_snapshot(func: Function, *args: object, **kwargs: object) -> Function:
    """Call ``func`` before the snapshot is taken, the last registered first; also a decorator."""
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func: Function, *args: object, **kwargs: object) -> Function:
    """Call ``func`` after each restore, in the order of registration; also a decorator."""
    _after.append((func, args, kwargs))
    return func


def get_before_snapshot() -> Registered:
    """What is registered to run before."""
    return _before


def get_after_restore() -> Registered:
    """What is registered to run after."""
    return _after
