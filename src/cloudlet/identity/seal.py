"""Signatures of the chunks of a body: each signs its bytes and the signature before it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
and https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import hashlib
import hmac
from collections.abc import Mapping

from .signature import EMPTY, sign

_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class Broken(ValueError):
    """A chunk was not signed by who signed the request."""


class Seal:
    """Follows the chunks of one body; ``begin`` and ``add`` tell it what arrives."""

    def __init__(self, key: bytes, moment: str, scope: str, seed: str, *, trailers: bool) -> None:
        self._key, self._context, self._previous = key, f"{moment}\n{scope}", seed
        self._trailers = trailers
        self._hash = hashlib.sha256()
        self._claimed = ""

    def begin(self, extension: str) -> None:
        """A chunk begins; ``extension`` is what its head says after the size: ``chunk-signature=…``."""
        self._hash = hashlib.sha256()
        name, _, self._claimed = extension.strip().partition("=")
        if name != "chunk-signature":
            raise Broken

    def add(self, piece: bytes) -> None:
        """Bytes of the chunk."""
        self._hash.update(piece)

    def end(self) -> None:
        """The chunk is over; :class:`Broken` if it was not signed rightly."""
        digest = self._hash.hexdigest()
        self._prove(f"AWS4-HMAC-SHA256-PAYLOAD\n{self._context}\n{self._previous}\n{EMPTY}\n{digest}")

    def close(self, trailers: Mapping[str, str]) -> None:
        """All has arrived; trailers are signed as well, where they were announced so."""
        if not self._trailers:
            return
        said = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items())
                       if name != _TRAILER_SIGNATURE)
        self._claimed = trailers.get(_TRAILER_SIGNATURE, "")
        digest = hashlib.sha256(said.encode()).hexdigest()
        self._prove(f"AWS4-HMAC-SHA256-TRAILER\n{self._context}\n{self._previous}\n{digest}")

    def _prove(self, text: str) -> None:
        signature = sign(self._key, text)
        if not hmac.compare_digest(signature.encode(), self._claimed.encode()):
            raise Broken
        self._previous = signature
