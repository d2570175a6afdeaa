"""Whose keys a cloudlet believes when nobody says: at an address of this machine anybody's, else its own.

Who is believed without proof may run code here. A laptop wants that of its user, and nobody of a network.
"""

from ipaddress import ip_address

from ..kernel.strangers import Credentials


def believed_at(host: str) -> Credentials:
    """The default of ``--credentials`` for a cloudlet that listens at ``host``.

    >>> believed_at("127.0.0.1"), believed_at("localhost"), believed_at("0.0.0.0"), believed_at("::")
    ('any', 'any', 'known', 'known')
    """
    return "any" if is_loopback(host) else "known"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``; of a name that is not ``localhost`` nobody knows."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
