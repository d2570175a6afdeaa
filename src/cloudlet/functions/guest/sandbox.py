"""The walls around a worker: namespaces, a root of its own, no privileges, few system calls.

Runs in the zygote and in the process forked from it, before any code of the user's does. All that only
Linux has is in this file and in ``cgroups``.
"""

import ctypes
import os
import resource
import struct

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x10000000, 0x8000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_PDEATHSIG = 38, 4, 24, 22, 1
WORKER_UID = 993  # as inside Lambda
OUTSIDE_UID = 231_993  # what a worker is on a machine where cloudlet runs as root
OLD = "/.old"  # where the machine's own root hangs while a worker's is built

_FOLDERS = ("dev", "proc", "tmp", "var/task", "var/runtime", "var/deps", "var/node_modules", "opt", "etc",
            "root", "run", OLD[1:])
_MODULES = "node_modules"
_OPEN_TREE, _MOVE_MOUNT = 428, 429  # the same numbers on every architecture
_OPEN_TREE_CLONE, _AT_RECURSIVE, _MOVE_EMPTY_PATH = 1, 0x8000, 4
_libc = ctypes.CDLL(None, use_errno=True)
# the machine's own software, and what of /etc name resolution, TLS and the loader read
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC = (
    "ssl",
    "ca-certificates",
    "pki",
    "resolv.conf",
    "nsswitch.conf",
    "host.conf",
    "gai.conf",
    "services",
    "protocols",
    "localtime",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "mime.types",
    "fonts",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave some of the namespaces shared with the parent."""
    _check(_libc.unshare(flags), "unshare")


def setns(handle: int, kind: int) -> None:
    """Enter the namespace behind ``handle``."""
    _check(_libc.setns(handle, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    _check(_libc.mount(source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags),
                       options.encode() or None), f"mount {target}")


def bind(source: str, target: str, *, writable: bool = False) -> None:
    """Let ``source`` appear at ``target`` too, read-only unless told otherwise."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, flags=MS_BIND | MS_REC)
    if not writable:
        # in a user namespace the flags that the source has can't be taken away, so they are kept
        kept = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | 8 | 1024 | 2048 | 4096 * 512)
        mount(
            "none",
            target,
            flags=MS_BIND | MS_REMOUNT | MS_RDONLY | (kept & (MS_NOSUID | MS_NODEV | 8 | 1024)),
        )


def become_mapped(inside: int) -> None:
    """Enter a user namespace in which this process is ``inside``, and nobody else exists."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{inside} {uid} 1")
    _write("/proc/self/gid_map", f"{inside} {gid} 1")


def own_namespaces() -> None:
    """As an ordinary user: be privileged in a user namespace, and over a PID namespace that belongs to it.

    The process that calls this stays behind and only waits; the one that goes on is its child.
    """
    become_mapped(WORKER_UID)
    unshare(CLONE_NEWPID)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(max(os.waitstatus_to_exitcode(status), 0))
    die_with_parent()


def build_base(root: str, prefixes: "list[str]", runtime: "dict[str, str]") -> None:
    """Build the root that all workers share below ``root``, and move there.

    ``prefixes`` are folders to show where they are (the interpreter's own), ``runtime`` what to show
    in ``/var/runtime`` by name. The machine's root stays at ``OLD`` for the zygote, which is trusted.
    """
    unshare(CLONE_NEWNS)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m")
    for path in _FOLDERS:
        os.makedirs(f"{root}/{path}", exist_ok=True)
    for path in _SYSTEM:
        if os.path.islink(path):
            os.symlink(os.readlink(path), root + path)
        elif os.path.isdir(path):
            bind(path, root + path)
    for name in _ETC:
        if os.path.exists(f"/etc/{name}"):
            bind(os.path.realpath(f"/etc/{name}"), f"{root}/etc/{name}")
    _write(
        f"{root}/etc/passwd",
        f"root:x:0:0:root:/root:/bin/sh\nsbx_user:x:{WORKER_UID}:{WORKER_UID}::/tmp:/bin/sh\n",
    )
    _write(f"{root}/etc/hosts", _hosts() + "127.0.0.1 sandbox.localdomain sandbox\n")
    _write(f"{root}/etc/group", f"root:x:0:\nsbx_user:x:{WORKER_UID}:\n")
    for name in _DEVICES:
        bind(f"/dev/{name}", f"{root}/dev/{name}", writable=True)
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")
    os.makedirs(f"{root}/dev/shm")
    for path in prefixes:
        if not path.startswith(_SYSTEM) and not os.path.exists(root + path):
            bind(path, root + path)
    for name, path in runtime.items():
        bind(path, f"{root}/var/runtime/{name}")
    _check(_libc.pivot_root(root.encode(), (root + OLD).encode()), "pivot_root")
    os.chdir("/")
    # a zygote of an ordinary user has a PID namespace of its own, and must see that one's numbers
    mount("proc", OLD + "/proc", "proc", MS_NOSUID | MS_NODEV | 8)


def _hosts() -> str:
    """The machine's own names, as they are now."""
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n") + "\n"
    except OSError:
        return "127.0.0.1 localhost\n"


def show(task: str, layers: "list[str]", dependencies: str) -> "list[str]":
    """Let the folders of a function appear where a function looks for them; those places come back."""
    bind(OLD + task, "/var/task")
    places = ["/var/task"]
    if dependencies:
        places.append("/var/deps")
        bind(OLD + dependencies, "/var/deps")
        if os.path.isdir(f"/var/deps/{_MODULES}"):  # where Node.js looks, going up from /var/task
            bind(f"/var/deps/{_MODULES}", f"/var/{_MODULES}")
            places.append(f"/var/{_MODULES}")
    if len(layers) == 1:
        bind(OLD + layers[0], "/opt")
    elif layers:  # later layers lie over earlier ones
        stack = ":".join(OLD + layer for layer in reversed(layers))
        mount("overlay", "/opt", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, f"lowerdir={stack}")
    return [*places, "/opt"] if layers else places


def furnish(worker: int, task: str, layers: "list[str]", dependencies: str, tmp_mb: int) -> None:
    """Show a function's folders to a worker that runs already, in its own mount namespace.

    The mounts are made in a namespace of this process's, taken off as trees, and put into the worker's.
    """
    unshare(CLONE_NEWNS)
    trees = [(_libc.syscall(_OPEN_TREE, -100, place.encode(), _OPEN_TREE_CLONE | _AT_RECURSIVE), place)
             for place in show(task, layers, dependencies)]
    handle = os.open(f"{OLD}/proc/{worker}/ns/mnt", os.O_RDONLY)
    setns(handle, CLONE_NEWNS)
    for tree, place in trees:
        _check(
            _libc.syscall(_MOVE_MOUNT, tree, b"", -100, place.encode(), _MOVE_EMPTY_PATH),
            f"move_mount {place}",
        )
    mount("none", "/tmp", flags=MS_REMOUNT | MS_NOSUID | MS_NODEV, options=f"mode=1777,size={tmp_mb}m")


def enter(tmp_mb: int, privileged: bool) -> None:
    """Give this process (the first of a PID namespace) a root of its own, and no way out.

    Its function is not known yet: ``furnish`` shows it the folders later.
    """
    unshare(CLONE_NEWNS | CLONE_NEWIPC)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | 8)
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={tmp_mb}m")
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | 8, "mode=1777,size=64m")
    _check(_libc.umount2(OLD.encode(), MNT_DETACH), "umount")
    mount("none", "/", flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    if privileged:
        os.setgroups([])
        os.setresgid(OUTSIDE_UID, OUTSIDE_UID, OUTSIDE_UID)
        os.setresuid(OUTSIDE_UID, OUTSIDE_UID, OUTSIDE_UID)
        _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        become_mapped(WORKER_UID)


def confine(*, nesting: bool = False) -> None:
    """Give up every privilege, and the system calls no function needs.

    ``nesting``: but for those that make namespaces inside this one; a snapshot does that for its copies.
    """
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = struct.pack("=Ii", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)), "capset")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    resource.setrlimit(resource.RLIMIT_NPROC, (1024, 1024))
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    program = seccomp_program(os.uname().machine, nesting=nesting)
    if program:
        filters = ctypes.create_string_buffer(program)
        fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(filters))
        _check(_libc.prctl(PR_SET_SECCOMP, 2, ctypes.c_char_p(fprog), 0, 0), "seccomp")


_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# mount and namespaces, kernel modules and memory, other processes' insides, keys, clocks, swap, reboot
_FORBIDDEN = {
    "x86_64": (
        101,
        155,
        165,
        166,
        167,
        168,
        169,
        170,
        171,
        172,
        173,
        175,
        176,
        246,
        248,
        249,
        250,
        272,
        279,
        298,
        303,
        304,
        308,
        310,
        311,
        312,
        313,
        320,
        321,
        323,
        159,
        164,
        227,
        305,
        153,
        163,
        179,
        425,
        426,
        427,
        428,
        429,
        430,
        431,
        432,
        433,
        442,
    ),
    "aarch64": (
        117,
        41,
        40,
        39,
        224,
        225,
        142,
        161,
        162,
        105,
        106,
        104,
        217,
        218,
        219,
        97,
        239,
        241,
        264,
        265,
        268,
        270,
        271,
        272,
        273,
        294,
        280,
        282,
        171,
        170,
        112,
        266,
        58,
        89,
        60,
        425,
        426,
        427,
        428,
        429,
        430,
        431,
        432,
        433,
        442,
    ),
}
_NESTING = {"x86_64": (165, 272), "aarch64": (40, 97)}  # mount, unshare
_CLONE = {"x86_64": 56, "aarch64": 220}
_NEW_NAMESPACES = 0x7E020000


def seccomp_program(machine: str, *, nesting: bool = False) -> bytes:
    """A filter as the kernel runs it: forbidden calls answer EPERM, foreign architectures end the process."""
    if machine not in _ARCHITECTURES:
        return b""
    def op(code: int, true: int, false: int, value: int) -> bytes:
        return struct.pack("HBBI", code, true, false, value)
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    kill, deny, allow, absent = 0x80000000, 0x00050001, 0x7FFF0000, 0x00050026
    program = [
        op(load, 0, 0, 4),
        op(equal, 1, 0, _ARCHITECTURES[machine]),
        op(give, 0, 0, kill),
        op(load, 0, 0, 0),
    ]
    if machine == "x86_64":
        program += [op(0x35, 0, 1, 0x40000000), op(give, 0, 0, deny)]  # the x32 numbering of the same calls
    for number in _FORBIDDEN[machine]:
        if nesting and number in _NESTING[machine]:
            continue
        program += [op(equal, 0, 1, number), op(give, 0, 0, deny)]
    # clone3 hides its flags from filters: it is "not there", and libc falls back to clone
    program += [op(equal, 0, 1, 435), op(give, 0, 0, absent)]
    program += [op(equal, 0, 3, _CLONE[machine]), op(load, 0, 0, 16), op(any_bit, 0, 1, _NEW_NAMESPACES),
                op(give, 0, 0, deny), op(give, 0, 0, allow)]
    return b"".join(program)


def die_with_parent() -> None:
    """End when the process that started this one does."""
    control_process(PR_SET_PDEATHSIG, 9)


def control_process(what: int, value: int) -> None:
    """prctl(2)."""
    _libc.prctl(what, value, 0, 0, 0)


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | (0 if path.startswith("/proc") else os.O_TRUNC), 0o644)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
