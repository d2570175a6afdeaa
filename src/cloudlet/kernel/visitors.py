"""Visitors: who signed a request that comes to a service's own site.

What a site's visitors must prove is the site's to say, so nobody asks before. How it is proven, the gateway
knows, and provides this.
"""

from collections.abc import Awaitable, Callable

import msgspec

from ..identity import Principal
from ..wire.http import Request


class Visitors(msgspec.Struct, frozen=True):
    """``prove(request, service)`` gives the principal that signed, or ANONYMOUS if nobody did.

    It raises an :class:`AwsError`, in the words of that service, for a signature that is not right.
    """

    prove: Callable[[Request, str], Awaitable[Principal]]
