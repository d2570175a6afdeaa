"""Linux's calls that Python has no names for, as far as walls are made of them."""

import ctypes
import os

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x10000000, 0x8000000, 0x20000000
CLONE_NEWNET, CLONE_NEWUTS, CLONE_NEWCGROUP = 0x40000000, 0x4000000, 0x2000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MS_PRIVATE, MNT_DETACH = 1 << 18, 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
# the same numbers on every architecture
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR, LANDLOCK_CREATE, LANDLOCK_RESTRICT = 428, 429, 442, 444, 446
AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE, MOVE_EMPTY_PATH = -100, 0x8000, 1, 4
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """The result of a call; the error that it has left, if it is one."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(flags: int) -> None:
    """Leave some of the namespaces shared with the parent."""
    check(libc.unshare(flags), "unshare")


def setns(handle: int, kind: int) -> None:
    """Enter the namespace behind ``handle``."""
    check(libc.setns(handle, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    check(libc.mount(source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags),
                     options.encode() or None), f"mount {target}")


def open_tree(path: str) -> int:
    """A copy of the mounts at and below ``path``, not attached anywhere yet."""
    return check(libc.syscall(OPEN_TREE, AT_FDCWD, path.encode(), OPEN_TREE_CLONE | AT_RECURSIVE),
                 f"open_tree {path}")


def move_mount(tree: int, path: str) -> None:
    """Attach what ``open_tree`` gave."""
    check(libc.syscall(MOVE_MOUNT, tree, b"", AT_FDCWD, path.encode(), MOVE_EMPTY_PATH), f"move_mount {path}")


def prctl(option: int, value: object = 0) -> int:
    """prctl(2), with one argument."""
    return check(libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def die_with_parent() -> None:
    """End when the process that started this one does."""
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
