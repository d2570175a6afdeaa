"""The system calls that no function needs, and the filter that refuses them.

The list forbids rather than allows, so that every runtime finds what it knows; calls that are younger than
the list are "not there". Compared with Docker's default profile it forbids what that does, and besides
what Docker leaves to missing capabilities or lets a process do to its own kind: ptrace, modify_ldt,
chroot, io_setup.
"""

import struct

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE, _SOCKET, _IOCTL, _PERSONALITY = (56, 220), (41, 198), (16, 29), (135, 92)
_CLONE3 = 435
_NEWEST = 462  # mseal, of Linux 6.10; what came later is not there
_MISSING = -1

# name → its number on x86_64 and on aarch64
FORBIDDEN = {
    # mounts, roots and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "statmount": (457, 457),
    "listmount": (458, 458), "unshare": (272, 97), "setns": (308, 268), "sethostname": (170, 161),
    "setdomainname": (171, 162),
    # files behind the back of their paths
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
    "sysfs": (139, _MISSING), "ustat": (136, _MISSING), "acct": (163, 89), "swapon": (167, 224),
    "swapoff": (168, 225),
    # other processes' insides
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # the kernel's own insides: modules, programs, logs, counters, keys
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "create_module": (174, _MISSING), "get_kernel_syms": (177, _MISSING), "query_module": (178, _MISSING),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "bpf": (321, 280),
    "perf_event_open": (298, 241), "syslog": (103, 116), "_sysctl": (156, _MISSING), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219),
    # parts of it that have often been the way in, or that all processes of the machine share
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_setup": (206, 0), "vhangup": (153, 58), "uselib": (134, _MISSING),
    # the machine's clock, ports and memory
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "iopl": (172, _MISSING), "ioperm": (173, _MISSING), "modify_ldt": (154, _MISSING),
    "mbind": (237, 235), "set_mempolicy": (238, 237), "get_mempolicy": (239, 236),
    "set_mempolicy_home_node": (450, 450),
}

_NESTING = ("mount", "unshare")
_NEW_NAMESPACES = 0x7E020000  # among the flags of clone
_TYPES_INTO_TERMINALS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_KINDS_OF_MACHINE = (0, 8, 0xFFFFFFFF)  # of personality: Linux, that of old, and asking which
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16

_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD = 0, 4, 16, 24, 32  # where the filter finds what it looks at
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _GIVE = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97


def _op(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("HBBI", code, true, false, value)


def _give(answer: int) -> bytes:
    return _op(_GIVE, answer)


def _when(number: int, then: "list[bytes]") -> "list[bytes]":
    """``then``, if the call is that one; it must end in an answer."""
    return [_op(_EQUAL, number, 0, len(then)), *then]


def program(machine: str, *, nesting: bool = False) -> bytes:
    """The filter as the kernel runs it; empty for machines that it is not written for.

    Forbidden calls answer EPERM, kinds of sockets that are not for functions EAFNOSUPPORT, younger calls
    ENOSYS; a call in the numbering of another architecture ends the process. ``nesting`` leaves out what a
    snapshot needs to give its copies namespaces of their own.
    """
    if machine not in _ARCHITECTURES:
        return b""
    own = list(_ARCHITECTURES).index(machine)
    deny, absent = _give(_ERROR | _EPERM), _give(_ERROR | _ENOSYS)
    lines = [_op(_LOAD, _ARCHITECTURE), _op(_EQUAL, _ARCHITECTURES[machine], 1, 0), _give(_KILL),
             _op(_LOAD, _NUMBER)]
    if machine == "x86_64":
        lines += [_op(0x35, 0x40000000, 0, 1), deny]  # the x32 numbering of the same calls
    lines += [_op(_GREATER, _NEWEST, 0, 1), absent]
    for name, numbers in FORBIDDEN.items():
        if numbers[own] != _MISSING and not (nesting and name in _NESTING):
            lines += _when(numbers[own], [deny])
    # clone3 hides its flags from filters: it is "not there", and libc falls back to clone
    lines += _when(_CLONE3, [absent])
    lines += _when(_CLONE[own], [_op(_LOAD, _FIRST), _op(_ANY_BIT, _NEW_NAMESPACES, 0, 1), deny,
                                 _give(_ALLOW)])
    lines += _when(_IOCTL[own], [_op(_LOAD, _SECOND), *(line for request in _TYPES_INTO_TERMINALS
                                                       for line in _when(request, [deny])), _give(_ALLOW)])
    lines += _when(_PERSONALITY[own], [_op(_LOAD, _FIRST), *(line for kind in _KINDS_OF_MACHINE for line in
                                                            _when(kind, [_give(_ALLOW)])), deny])
    lines += _when(_SOCKET[own], _sockets())
    return b"".join([*lines, _give(_ALLOW)])


def _sockets() -> "list[bytes]":
    """Sockets are local or of the internet; of the kernel's own, only the one that lists addresses."""
    lines = [_op(_LOAD, _FIRST)]
    for family in (_UNIX, _INET, _INET6):
        lines += _when(family, [_give(_ALLOW)])
    route = [_op(_LOAD, _THIRD), *_when(0, [_give(_ALLOW)]), _give(_ERROR | _EAFNOSUPPORT)]
    return [*lines, *_when(_NETLINK, route), _give(_ERROR | _EAFNOSUPPORT)]
