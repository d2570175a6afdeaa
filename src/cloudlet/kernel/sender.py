"""Senders: how a request came in, as far as policies may ask for it.

What a request leads to in the name of the same principal has the same sender; what the cloud does of its
own has none.
"""

import msgspec


class Sender(msgspec.Struct, frozen=True):
    """The address at the other end of the socket, and what the sender's program says of itself."""

    address: str
    referer: str = ""
    agent: str = ""

    def conditions(self) -> dict[str, tuple[str, ...]]:
        """The condition keys it answers for; one that was not said is not there."""
        address = self.address.removeprefix("::ffff:")  # of IPv4 through a socket of IPv6
        said = {"aws:sourceip": address, "aws:referer": self.referer, "aws:useragent": self.agent}
        return {key: (value,) for key, value in said.items() if value}
