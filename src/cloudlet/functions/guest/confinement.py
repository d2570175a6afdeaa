"""What a worker gives up before it runs any code of the user's: privileges, resources, system calls."""

import contextlib
import ctypes
import os
import resource
import struct

import linux  # type: ignore[import-not-found]
import seccomp  # type: ignore[import-not-found]

PROCESSES = 1024  # and threads, as inside Lambda
_FILES = 1024
_LOCKED = 8 << 20  # bytes of memory that may not be swapped out
_CAPABILITIES = 64
_NESTED = 2048  # copies of one snapshot
_SCOPES = 6  # the version of Landlock that knows them
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2


def confine(processes: int, *, nesting: bool = False) -> None:
    """Give up every privilege, and the system calls no function needs. ``processes`` 0: don't limit them.

    ``nesting``: but for those that make namespaces inside this one; a snapshot does that for its copies.
    """
    for capability in range(_CAPABILITIES):
        if linux.libc.prctl(linux.PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = struct.pack("=Ii", 0x20080522, 0)
    linux.check(linux.libc.capset(header, bytes(24)), "capset")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_MEMLOCK, _LOCKED)
    _limit(resource.RLIMIT_RTPRIO, 0)
    if processes:
        _limit(resource.RLIMIT_NPROC, processes)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    keep_to_itself()
    refuse_calls(nesting=nesting)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def keep_to_itself() -> bool:
    """Neither connect to abstract sockets nor signal processes that are not the worker's; False if too old.

    A network namespace would do the first, too, but with the network of the host there is none.
    """
    known = linux.libc.syscall(linux.LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if known < _SCOPES:
        return False
    rules = struct.pack("=QQQ", 0, 0, _ABSTRACT_SOCKETS | _SIGNALS)
    ruleset = linux.check(linux.libc.syscall(linux.LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0),
                          "landlock")
    try:
        linux.check(linux.libc.syscall(linux.LANDLOCK_RESTRICT, ruleset, 0), "landlock")
    finally:
        os.close(ruleset)
    return True


def refuse_calls(*, nesting: bool = False) -> bool:
    """Install the system call filter; False if there is none for this machine."""
    program = seccomp.program(os.uname().machine, nesting=nesting)
    if not program:
        return False
    filters = ctypes.create_string_buffer(program)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(filters)))
    linux.check(linux.libc.prctl(linux.PR_SET_SECCOMP, 2, fprog, 0, 0), "seccomp")
    return True


def keep_few_watches(*, nesting: bool = False) -> None:
    """As the first of a user namespace: leave the user's other processes their share of file watches."""
    for name, most in (("max_inotify_instances", 32), ("max_inotify_watches", 16_384),
                       ("max_user_namespaces", _NESTED if nesting else 0)):
        with contextlib.suppress(OSError), open(f"/proc/sys/user/{name}", "w") as file:
            file.write(str(most))
