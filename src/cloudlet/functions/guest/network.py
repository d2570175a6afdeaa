"""A network of a worker's own, in which only the cloudlet answers.

The worker, while it is still trusted, opens a socket in its new network namespace at the address of the
endpoint, and hands it to the cloudlet, which listens there. A socket stays in the namespace it was made
in, so nothing has to forward anything, and no privilege is needed outside.
"""

import fcntl
import socket
import struct

import linux  # type: ignore[import-not-found]

_SIOCSIFADDR, _SIOCSIFFLAGS, _SIOCSIFNETMASK = 0x8916, 0x8914, 0x891C
_UP, _RUNNING = 1, 64
_IPV6_FREEBIND = 78
_LOOPBACK = 1  # its index in every network namespace
_BACKLOG = 256


def isolate(host: str, port: int) -> socket.socket:
    """Enter a network namespace of one's own; what comes back listens in it, at the endpoint's address."""
    linux.unshare(linux.CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _UP | _RUNNING))
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not host.startswith("127.") and host != "::1":
        _add(kind, host)
    door = socket.socket(kind, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.AF_INET6:  # the kernel takes a moment to believe that an address is there
        door.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    door.bind((host, port))
    door.listen(_BACKLOG)
    return door


def _add(kind: socket.AddressFamily, host: str) -> None:
    """Let the loopback have that address, too: what is sent to it stays here."""
    address = socket.inet_pton(kind, host)
    with socket.socket(kind, socket.SOCK_DGRAM) as handle:
        if kind == socket.AF_INET6:
            fcntl.ioctl(handle, _SIOCSIFADDR, struct.pack("16sIi", address, 128, _LOOPBACK))
        else:
            for wish, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, b"\xff" * 4)):  # and no other
                fcntl.ioctl(handle, wish, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, value))
