"""Encrypted bytes: AES-256 in counter mode, each piece of an object with a nonce of its own.

An object's key is its own, too, and never kept as it is but wrapped by a master key (RFC 3394). So a range is
decrypted without what lies before it, parts of an upload can be written in any order, and a copy for another
master key wraps the key anew and writes no byte again.

>>> key, nonce = bytes(range(32)), bytes(16)
>>> hidden = cipher(key, nonce).update(b"what lies in the file")
>>> cipher(key, nonce, 5).update(hidden[5:])
b'lies in the file'
"""

from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from .nouns import Piece

KEY_BYTES, NONCE_BYTES = 32, 16
_BLOCK = 16


def cipher(key: bytes, nonce: bytes, at: int = 0) -> Any:
    """What turns bytes from the byte ``at`` of a piece on into hidden ones, and hidden ones back."""
    counter = (int.from_bytes(nonce, "big") + at // _BLOCK) % (1 << 8 * _BLOCK)
    context = Cipher(AES(key), CTR(counter.to_bytes(_BLOCK, "big"))).encryptor()
    context.update(bytes(at % _BLOCK))
    return context


def sealed(piece: Piece, key: bytes, nonce: bytes) -> Piece:
    """A piece that lies in the store, encrypted."""
    return Piece(piece.size, cipher(key, nonce).update(piece.data), "", piece.number, piece.checksum, nonce)


def wrap(key: bytes, master: bytes) -> bytes:
    """An object's key as it is kept."""
    return aes_key_wrap(master, key)


def unwrap(wrapped: bytes, master: bytes) -> bytes | None:
    """An object's key again; None if another master key wrapped it."""
    try:
        return aes_key_unwrap(master, wrapped)
    except InvalidUnwrap:
        return None
