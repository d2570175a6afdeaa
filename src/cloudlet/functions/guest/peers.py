"""Whose socket is that? The network is the machine's, so other functions' processes could knock here too.

The kernel tells the inode of the socket at the other end (sock_diag: one look-up, however many there are),
and ``/proc`` of this PID namespace shows whether one of its processes has it open: others are not in there.
"""

import contextlib
import os
import socket
import struct
import typing

Address = typing.Tuple[str, int]
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR = 4, 20, 1, 2
_ANY = 0xFFFFFFFF
_LISTENING = ("0.0.0.0", 0)
_kernel: "typing.List[socket.socket]" = []  # where it is asked; inside the walls nobody can open one


def prepare() -> None:
    """Open the way to the kernel, while that may still be done."""
    if hasattr(socket, "AF_NETLINK"):
        _kernel.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG))


def is_ours(address: Address, peer: Address = _LISTENING) -> bool:
    """Whether a process in here has the socket at ``address``: connected to ``peer``, or listening."""
    inode = _inode(address, peer)
    return inode != 0 and _is_open(inode)


def _inode(address: Address, peer: Address) -> int:
    """The number of a TCP socket; 0 if there is none. Source: man 7 sock_diag"""
    where = struct.pack("!HH4s12x4s12x", address[1], peer[1], socket.inet_aton(address[0]),
                        socket.inet_aton(peer[0])) + struct.pack("=III", 0, _ANY, _ANY)
    asked = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY) + where
    kernel = _kernel[0]
    kernel.send(struct.pack("=IHHII", 16 + len(asked), _BY_FAMILY, _REQUEST, 1, 0) + asked)
    told = kernel.recv(4096)
    if struct.unpack_from("=IH", told)[1] == _ERROR:
        return 0
    return int(struct.unpack_from("=I", told, 16 + 4 + 48 + 16)[0])  # after head, address and four numbers


def _is_open(inode: int) -> bool:
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != str(os.getpid())]
    return any(_has_open(pid, f"socket:[{inode}]") for pid in pids)


def _has_open(pid: str, wanted: str) -> bool:
    try:
        handles = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False  # it has ended
    for handle in handles:
        with contextlib.suppress(OSError):  # its threads close files meanwhile
            if os.readlink(f"/proc/{pid}/fd/{handle}") == wanted:
                return True
    return False
