"""The walls around a worker: namespaces, and a root of its own that shows little.

Runs in the zygote and in the process forked from it, before any code of the user's does. All that only
Linux has is in this folder and in ``cgroups``.
"""

import contextlib
import ctypes
import os
import resource
import struct

import confinement  # type: ignore[import-not-found]
import linux  # type: ignore[import-not-found]
from linux import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT, mount

WORKER_UID = 993  # as inside Lambda
OLD = "/.old"  # where the machine's own root hangs while a worker's is built
HOST_NAME = "function"

_FOLDERS = ("dev", "proc", "tmp", "var/task", "var/runtime", "var/deps", "var/node_modules", "opt", "etc",
            "root", "run", "var/empty", OLD[1:])
_MODULES = "node_modules"
_INODES_A_MB = 256  # in /tmp: files have 4 KB
_SHARED_MB = 64  # of /dev/shm
_NOATIME, _NODIRATIME = 1024, 2048
# of /proc: what tells of the machine rather than of the worker, or can be written by who may
_HIDDEN = ("acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "iomem", "ioports", "irq", "kallsyms",
           "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "latency_stats",
           "modules", "mtrr", "pagetypeinfo", "sched_debug", "scsi", "slabinfo", "sysrq-trigger",
           "timer_list", "timer_stats", "tty", "vmallocinfo")
# what SDKs make of the cloudlet's own host for a few operations (StartSyncExecution, StartLiveTail)
_PREFIXED = " sync-127.0.0.1 sync-localhost streaming-127.0.0.1 streaming-localhost"
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


def bind(source: str, target: str, *, device: bool = False) -> None:
    """Let ``source``, with what is mounted below it, appear at ``target`` too, and only to be read."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, flags=MS_BIND | MS_REC)
    flags = linux.ATTR_RDONLY | linux.ATTR_NOSUID | (0 if device else linux.ATTR_NODEV)
    wish = struct.pack("=QQQQ", flags, 0, 0, 0)
    if linux.libc.syscall(linux.MOUNT_SETATTR, linux.AT_FDCWD, target.encode(), linux.AT_RECURSIVE, wish,
                          ctypes.c_size_t(len(wish))) == 0:
        return
    # before Linux 5.12, and then not for what is mounted below; what the source forbids must be kept
    kept = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC | _NOATIME | _NODIRATIME)
    mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | kept)


def become_mapped(inside: int) -> None:
    """Enter a user namespace in which this process is ``inside``, and nobody else exists."""
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{inside} {uid} 1")
    _write("/proc/self/gid_map", f"{inside} {gid} 1")


def own_namespaces(privileged: bool) -> None:
    """Be the first of a PID namespace: when this process ends, so does all that was started below it.

    An ordinary user is root in a user namespace, and the other belongs to that. The process that calls this
    stays behind and only waits; the one that goes on is its child.
    """
    if not privileged:
        become_mapped(0)  # nobody else would keep what it may when it executes another program
    linux.unshare(linux.CLONE_NEWPID)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(max(os.waitstatus_to_exitcode(status), 0))
    linux.die_with_parent()


def build_base(root: str, prefixes: "list[str]", runtime: "dict[str, str]",
               network: "dict[str, str]") -> None:
    """Build the root that all workers share below ``root``, and move there.

    ``prefixes`` are folders to show where they are (the interpreter's own), ``runtime`` what to show
    in ``/var/runtime`` by name, ``network`` files of /etc by name, in place of the machine's. The machine's
    root stays at ``OLD`` for the zygote, which is trusted.
    """
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
    linux.check(linux.libc.sethostname(HOST_NAME.encode(), len(HOST_NAME)), "sethostname")
    mount("none", "/", flags=MS_REC | linux.MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m")
    for path in _FOLDERS:
        os.makedirs(f"{root}/{path}", exist_ok=True)
    mount("tmpfs", f"{root}/var/empty", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=555,size=4k")
    for path in _SYSTEM:
        if os.path.islink(path):
            os.symlink(os.readlink(path), root + path)
        elif os.path.isdir(path):
            bind(path, root + path)
    _build_etc(f"{root}/etc", network)
    for name in _DEVICES:
        bind(f"/dev/{name}", f"{root}/dev/{name}", device=True)
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")
    os.makedirs(f"{root}/dev/shm")
    for path in prefixes:
        if not path.startswith(_SYSTEM) and not os.path.exists(root + path):
            bind(path, root + path)
    for name, path in runtime.items():
        bind(path, f"{root}/var/runtime/{name}")
    linux.check(linux.libc.pivot_root(root.encode(), (root + OLD).encode()), "pivot_root")
    os.chdir("/")
    # a zygote has a PID namespace of its own, and must see that one's numbers
    mount("proc", OLD + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("none", "/", flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _build_etc(etc: str, network: "dict[str, str]") -> None:
    """The machine's, as far as it is for everybody; a user and a host that are nobody's."""
    for name in _ETC:
        if os.path.exists(f"/etc/{name}") and name not in network and name != "hosts":
            bind(os.path.realpath(f"/etc/{name}"), f"{etc}/{name}")
    if "hosts" not in network:
        with contextlib.suppress(OSError), open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            network = {**network, "hosts": file.read()}
    for name, text in network.items():
        own = f"\n127.0.0.1 {HOST_NAME} sandbox.localdomain sandbox{_PREFIXED}\n" if name == "hosts" else ""
        _write(f"{etc}/{name}", text.rstrip() + own if own else text)
    _write(f"{etc}/passwd",
           f"root:x:0:0:root:/root:/bin/sh\nsbx_user:x:{WORKER_UID}:{WORKER_UID}::/tmp:/bin/sh\n")
    _write(f"{etc}/group", f"root:x:0:\nsbx_user:x:{WORKER_UID}:\n")


def show(task: str, layers: "list[str]", dependencies: str, private: str) -> "list[str]":
    """Let the folders of a function appear where a function looks for them; those places come back.

    ``private`` is the cloudlet's data folder. It may lie in one of them, as in an application whose code is
    the whole of it, and is empty there.
    """
    bind(OLD + task, "/var/task")
    _cover(private, task, "/var/task")
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
    for layer in layers:
        _cover(private, layer, "/opt")
    return [*places, "/opt"] if layers else places


def _cover(private: str, source: str, place: str) -> None:
    """Where ``source`` is shown, let what of it is private be an empty folder."""
    within = os.path.join(place, os.path.relpath(private, source)) if private else ""
    if within.startswith(place + "/") and ".." not in within.split("/") and os.path.isdir(within):
        mount("/var/empty", within, flags=MS_BIND)


def furnish(worker: int, task: str, layers: "list[str]", dependencies: str, private: str, tmp_mb: int,
            data_mb: int) -> None:
    """Show a function's folders to a worker that runs already, in its own mount namespace.

    The mounts are made in a namespace of this process's, taken off as trees, and put into the worker's.
    ``data_mb`` limits the memory of each of its processes, where no control group limits that of all; 0
    doesn't.
    """
    linux.unshare(linux.CLONE_NEWNS)
    trees = [(linux.open_tree(place), place) for place in show(task, layers, dependencies, private)]
    handle = os.open(f"{OLD}/proc/{worker}/ns/mnt", os.O_RDONLY)
    owner = os.stat(f"{OLD}/proc/{worker}")
    linux.setns(handle, linux.CLONE_NEWNS)
    for tree, place in trees:
        linux.move_mount(tree, place)
    mount("none", "/tmp", flags=MS_REMOUNT | MS_NOSUID | MS_NODEV, options=_tmp(tmp_mb))
    if data_mb:
        if owner.st_uid != os.geteuid():  # who has the same user may limit it, whatever it has given up
            os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
            os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
        resource.prlimit(worker, resource.RLIMIT_DATA, (data_mb << 20, data_mb << 20))


def enter(tmp_mb: int, outside: int, *, nesting: bool = False) -> None:
    """Give this process (the first of a PID namespace) a root of its own, and no way out.

    Its function is not known yet: ``furnish`` shows it the folders later. ``outside`` is the user that it is
    for the machine; 0: the same as now, who is an ordinary one. ``nesting``: it may have namespaces below its
    own, and a ``/proc`` in each, which the kernel allows only to who sees the whole of one.
    """
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWIPC)
    with contextlib.suppress(OSError):  # a kernel may be built without control groups
        linux.unshare(linux.CLONE_NEWCGROUP)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if not nesting:
        hide_machine()
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, _tmp(tmp_mb))
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
          f"mode=1777,size={_SHARED_MB}m,nr_inodes={_SHARED_MB * _INODES_A_MB}")
    linux.check(linux.libc.umount2(OLD.encode(), linux.MNT_DETACH), "umount")
    if outside:  # each a user of its own: what the kernel counts by user, it counts by worker
        os.setgroups([])
        os.setresgid(outside, outside, outside)
        os.setresuid(outside, outside, outside)
        linux.prctl(linux.PR_SET_DUMPABLE, 1)
    become_mapped(WORKER_UID)
    confinement.keep_few_watches(nesting=nesting)


def hide_machine() -> None:
    """Cover what ``/proc`` tells of the machine rather than of the worker."""
    for name in _HIDDEN:
        if os.path.isdir(f"/proc/{name}"):
            mount("/var/empty", f"/proc/{name}", flags=MS_BIND)
        elif os.path.exists(f"/proc/{name}"):
            mount("/dev/null", f"/proc/{name}", flags=MS_BIND)


def _tmp(size_mb: int) -> str:
    return f"mode=1777,size={size_mb}m,nr_inodes={size_mb * _INODES_A_MB}"


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | (0 if path.startswith("/proc") else os.O_TRUNC), 0o644)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
