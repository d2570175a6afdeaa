"""Escapes: what a hostile function gets when it reaches for what is not its own, one attempt a test.

After each the cloudlet and its neighbour functions must serve as before; the fixture sees to it.
"""

import os
import platform
import stat
import zipfile
from pathlib import Path

import pytest

import cloudlet
from cloudlet.functions.guest import seccomp

from .conftest import PRELUDE, zipped

MACHINE = platform.machine()
OWN = 0 if MACHINE == "x86_64" else 1


# -- files


def test_the_root_holds_nothing_of_the_machines_people(cloud):
    found = cloud.run("""
def handler(event, context):
    return {path: sorted(os.listdir(path)) for path in ("/", "/root", "/run", "/var", "/dev", "/var/task")}
""")
    assert set(found["/"]) <= {"bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "root", "run",
                               "sbin", "tmp", "usr", "var", ".old", "work", "home"}
    assert set(found["/var"]) == {"deps", "empty", "node_modules", "runtime", "task"}
    assert found["/run"] == [] and found["/var/task"] == ["app.py"]
    assert found["/dev"] == sorted(["null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout",
                                    "stderr", "shm"])


def test_the_store_cannot_be_opened(cloud):
    assert cloud.run("""
import sqlite3
def handler(event, context):
    try:
        return sqlite3.connect(f"file:{event}?mode=rw", uri=True).execute("select 1").fetchall()
    except sqlite3.OperationalError as error:
        return [str(error), tried(os.listdir, os.path.dirname(event)), os.listdir("/.old")]
""", f"{cloud.folder}/data/store.sqlite") == ["unable to open database file", "ENOENT", []]


def test_the_code_of_others_cannot_be_read(cloud):
    code = Path(cloud.folder) / "data" / "code"
    paths = [str(path) for path in code.iterdir()]
    assert len(paths) > 1
    assert cloud.run("""
def handler(event, context):
    return sorted({tried(os.listdir, path) for path in event})
""", paths) == ["ENOENT"]


def test_own_code_cannot_be_changed(cloud):
    assert cloud.run("""
def handler(event, context):
    return [tried(write, "/var/task/app.py"), tried(write, "/var/task/new"), tried(os.unlink, __file__),
            tried(os.chmod, __file__, 0o777), tried(os.utime, "/var/runtime/cloudlet/zygote.py")]
""") == ["EROFS"] * 5


def test_the_machines_own_files_cannot_be_changed(cloud):
    assert cloud.run("""
def handler(event, context):
    return [tried(write, path) for path in ("/usr/bin/env", "/etc/passwd", "/x", "/dev/x", "/run/x")]
""") == ["EROFS"] * 5


def test_the_interpreter_cannot_be_overwritten_through_proc(cloud):
    """As CVE-2019-5736 did: ``/proc/self/exe`` must not lead to a file system that can be written."""
    assert cloud.run("""
def handler(event, context):
    handle = os.open("/proc/self/exe", os.O_PATH)
    return [tried(os.open, "/proc/self/exe", os.O_WRONLY),
            tried(os.open, f"/proc/self/fd/{handle}", os.O_RDWR), tried(os.chmod, "/proc/self/exe", 0o777),
            os.statvfs("/proc/self/exe").f_flag & os.ST_RDONLY]
""") in [[first, first, "EROFS", os.ST_RDONLY] for first in ("EROFS", "EACCES")]


def test_chroot_and_its_way_out_are_closed(cloud):
    assert cloud.run("""
def handler(event, context):
    os.mkdir("/tmp/jail")
    handle = os.open("/", os.O_RDONLY)
    return [tried(os.chroot, "/tmp/jail"), tried(os.fchdir, handle),
            os.listdir(".") == os.listdir("../../../..")]
""") == ["EPERM", None, True]


def test_links_in_tmp_lead_nowhere(cloud):
    (Path(cloud.folder) / "secret").write_text("of the machine")
    assert cloud.run("""
def handler(event, context):
    os.symlink(event, "/tmp/soft")
    os.symlink("../../../../" + event, "/tmp/up")
    return [tried(read, "/tmp/soft"), tried(read, "/tmp/up"), tried(os.link, "/etc/passwd", "/tmp/hard"),
            tried(os.rename, "/tmp/soft", "/var/task/soft")]
""", f"{cloud.folder}/secret") == ["ENOENT", "ENOENT", "EXDEV", "EXDEV"]


def test_tmp_is_each_workers_own(cloud):
    cloud.run("def handler(event, context): return write('/tmp/note') + write('/dev/shm/note')")
    assert cloud.run("def handler(event, context): return os.listdir('/tmp') + os.listdir('/dev/shm')") == []


def test_a_package_cannot_write_beside_itself(cloud):
    away = f"{cloud.folder}/data/escaped"
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    suid = zipfile.ZipInfo("suid")
    suid.external_attr = (stat.S_IFREG | 0o6755) << 16
    package = {"app.py": PRELUDE + """
def handler(event, context):
    return [os.path.islink("/var/task/link"), read("/var/task/link"), oct(os.stat("/var/task/suid").st_mode)]
""", "../escaped": "x", "../../escaped": "x", away: "x", link: "/etc/shadow", suid: "x"}
    answer, error = cloud.invoke(cloud.deploy("", package=zipped(package)))
    assert (answer, error) == ([False, "/etc/shadow", "0o100755"], None)
    assert not [path for path in Path(cloud.folder).rglob("escaped") if "code" not in path.parts]


def test_a_folder_of_this_machine_is_no_code_unless_it_was_deployed(cloud):
    """Else a function that may create functions could have any folder shown to one."""
    secret = Path(cloud.folder) / "home"
    secret.mkdir(exist_ok=True)
    for folder in (str(secret), "/", "/etc", f"{cloud.folder}/data"):
        with pytest.raises(cloud.lambda_.exceptions.InvalidParameterValueException, match="cloudlet deploy"):
            cloud.lambda_.create_function(
                FunctionName="spy", Role="arn:aws:iam::000000000000:role/any", Runtime="python3.11",
                Handler="app.handler", Code={"S3Bucket": "cloudlet-local", "S3Key": folder})


# -- devices and the kernel's own files


def test_devices_cannot_be_made(cloud):
    assert cloud.run("""
def handler(event, context):
    return [tried(os.mknod, "/tmp/disk", 0o60666, os.makedev(8, 0)),
            tried(os.mknod, "/tmp/memory", 0o20666, os.makedev(1, 1)),
            [tried(open, f"/dev/{name}") for name in ("mem", "kmsg", "sda", "vda", "tty", "ptmx", "fuse",
                                                      "kvm")]]
""") == ["EPERM", "EPERM", ["ENOENT"] * 8]


def test_devices_in_tmp_would_not_work(cloud):
    assert cloud.run("""
def handler(event, context):
    flags = {path: os.statvfs(path).f_flag for path in ("/", "/tmp", "/usr", "/var/task", "/dev/shm")}
    return [path for path, flag in flags.items() if not (flag & os.ST_NODEV and flag & os.ST_NOSUID)]
""") == []


def test_the_kernels_settings_cannot_be_changed(cloud):
    found = cloud.run("""
def handler(event, context):
    return [tried(write, f"/proc/{name}") for name in ("sys/kernel/core_pattern", "sys/kernel/modprobe",
            "sys/kernel/hostname", "sys/vm/drop_caches", "sys/kernel/yama/ptrace_scope",
            "sys/user/max_user_namespaces", "self/oom_score_adj", "self/uid_map")]
""")
    assert set(found) <= {"EACCES", "ENOENT", "EPERM", "EROFS", "EINVAL"}, found


def test_files_that_tell_of_the_machine_are_empty(cloud):
    assert cloud.run("""
def handler(event, context):
    told = {}
    for name in ("kcore", "keys", "kallsyms", "sysrq-trigger", "timer_list", "kmsg", "slabinfo", "acpi",
                 "bus", "fs", "irq", "tty", "scsi", "driver"):
        path = f"/proc/{name}"
        if os.path.exists(path):
            told[name] = tried(os.listdir, path) if os.path.isdir(path) else tried(read, path)
    return [{name: text for name, text in told.items() if text}, tried(os.listdir, "/sys"), len(told) > 5]
""") == [{}, "ENOENT", True]


def test_control_groups_are_out_of_sight(cloud):
    found = cloud.run("""
def handler(event, context):
    return [tried(os.listdir, "/sys/fs/cgroup"), read("/proc/self/cgroup"),
            [line for line in read("/proc/self/mountinfo").splitlines() if "cgroup" in line],
            tried(libc_mount)]

def libc_mount():
    if libc.mount(b"none", b"/tmp", b"cgroup2", 0, None):
        raise OSError(ctypes.get_errno(), "")
""")
    assert found[0] == "ENOENT" and found[2] == [] and found[3] == "EPERM"
    assert "cloudlet-" not in found[1], "where the worker's group hangs is nothing it need know"


# -- processes


def test_other_processes_cannot_be_seen(cloud):
    found = cloud.run("""
def handler(event, context):
    return [[name for name in os.listdir("/proc") if name.isdigit()], os.getpid(), os.getppid()]
""")
    assert found == [["1"], 1, 0]


def test_the_first_process_tells_nothing_of_the_host(cloud):
    found = cloud.run("""
def handler(event, context):
    return [read("/proc/1/environ"), read("/proc/1/cmdline"), sorted(os.listdir("/proc/self/fd")),
            os.readlink("/proc/1/cwd"), socket.gethostname()]
""")
    assert cloud.folder not in found[0] + found[1]
    assert {entry.partition("=")[0] for entry in found[0].split("\0") if entry} <= {"PATH", "LANG"}
    assert str(Path(cloudlet.__file__).parent) not in found[1]
    assert found[2] == ["0", "1", "2", "3", "4"], "its outputs, its channel, and the folder it is listing"
    assert (found[3], found[4]) == ("/var/task", "function")


def test_processes_of_the_machine_cannot_be_signalled(cloud):
    assert cloud.run("""
def handler(event, context):
    return [tried(os.kill, pid, 9) for pid in [*event, -1]]
""", [cloud.process.pid, os.getpid(), 2]) == ["ESRCH"] * 4


def test_processes_cannot_be_traced(cloud):
    names = ("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise")
    assert cloud.run("""
def handler(event, context):
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        return [called(number, 16, child, 0, 0, 0, 0) for number in event]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
""", [seccomp.FORBIDDEN[name][OWN] for name in names]) == ["EPERM"] * len(names)


def test_nobody_can_be_become(cloud):
    assert cloud.run("""
def handler(event, context):
    status = dict(line.split(":", 1) for line in read("/proc/self/status").splitlines())
    return [os.getresuid(), os.getresgid(), os.getgroups() in ([], [65534], [993]), tried(os.setuid, 0),
            tried(os.setgid, 0), tried(os.setgroups, [0]), status["CapEff"].strip(), status["CapBnd"].strip(),
            status["NoNewPrivs"].strip(), status["Seccomp"].strip()]
""") == [[993] * 3, [993] * 3, True, "EINVAL", "EINVAL", "EPERM", "0" * 16, "0" * 16, "1", "2"]


def test_setuid_programs_give_nothing(cloud):
    found = next((path for path in ("/usr/bin/mount", "/usr/bin/passwd") if Path(path).exists()
                  and Path(path).stat().st_mode & stat.S_ISUID), None)
    if found is None:
        pytest.skip("this machine has none of the usual ones")
    assert cloud.run("""
import subprocess
def handler(event, context):
    given = ["-t", "tmpfs", "none", "/tmp"] if event.endswith("mount") else ["-l", "root"]
    done = subprocess.run([event, *given], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    own = subprocess.run(["/usr/bin/env", "id", "-u"], capture_output=True, text=True)
    return [done.returncode != 0, own.stdout.strip(), os.statvfs(event).f_flag & os.ST_NOSUID]
""", found) == [True, "993", os.ST_NOSUID]


# -- system calls


def test_every_forbidden_call_is_refused(cloud):
    """Called with arguments that make no sense, so that whatever is not refused does no harm, either."""
    numbers = {name: pair[OWN] for name, pair in seccomp.FORBIDDEN.items() if pair[OWN] >= 0}
    found = cloud.run("""
def handler(event, context):
    nonsense = [ctypes.c_long(-1)] * 6
    return {name: called(number, *nonsense) for name, number in event.items()}
""", numbers)
    assert {name: code for name, code in found.items() if code != "EPERM"} == {}


def test_namespaces_cannot_be_made_or_entered(cloud):
    assert cloud.run("""
NEW = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
def handler(event, context):
    handle = os.open("/proc/self/ns/user", os.O_RDONLY)
    made = {called(event["clone"], flag | 17, 0, 0, 0, 0) for flag in NEW}
    return [sorted(made), {tried(unshared, flag) for flag in NEW} == {"EPERM"},
            called(event["setns"], handle, 0), called(435, None, 0),
            read("/proc/sys/user/max_user_namespaces").strip()]

def unshared(flag):
    if libc.unshare(flag):
        raise OSError(ctypes.get_errno(), "")
""", {"clone": (56, 220)[OWN], "setns": seccomp.FORBIDDEN["setns"][OWN]}) == [
        ["EPERM"], True, "EPERM", "ENOSYS", "0"]


def test_calls_younger_than_the_filter_are_not_there(cloud):
    assert cloud.run("def handler(event, context): return [called(n, -1, -1) for n in (463, 467, 600)]") == [
        "ENOSYS"] * 3


@pytest.mark.skipif(MACHINE != "x86_64", reason="only this machine has other numberings")
def test_the_numbering_of_another_architecture_is_no_way_around(cloud):
    answer, error = cloud.invoke(cloud.deploy("""
import mmap
def handler(event, context):
    if event == "x32":
        return called(0x40000000 + 39)
    # mov eax, 20 (getpid of i386); int 0x80; ret
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
""", Timeout=5), "i386")
    assert error and answer["errorType"] == "Runtime.ExitError", answer
    assert cloud.run("def handler(event, context): return called(0x40000000 + 39)") == "EPERM"


def test_clocks_keyrings_and_personalities_stay_as_they_are(cloud):
    assert cloud.run("""
def handler(event, context):
    return [tried(time.clock_settime, time.CLOCK_REALTIME, 0),
            called(event["add_key"], b"user", b"a", b"b", 1, -2), called(event["keyctl"], 0, -3, 1),
            called(event["personality"], 0x0040000),
            called(event["personality"], 0xFFFFFFFF), libc.ioctl(0, 0x5412, b"x"), ctypes.get_errno()]
""", {name: pair[OWN] for name, pair in {**seccomp.FORBIDDEN, "personality": (135, 92)}.items()}) == [
        "EPERM", "EPERM", "EPERM", "EPERM", 0, -1, 1]


def test_only_sockets_that_functions_need_can_be_made(cloud):
    assert cloud.run("""
def handler(event, context):
    kinds = {"packet": (17, 3, 0), "vsock": (40, 1, 0), "alg": (38, 5, 0), "bluetooth": (31, 3, 0),
             "netlink diag": (16, 3, 4), "netlink audit": (16, 3, 9), "raw": (2, 3, 1), "raw6": (10, 3, 58)}
    made = {name: tried(lambda kind=kind: socket.socket(*kind).close()) for name, kind in kinds.items()}
    fine = [tried(lambda kind=kind: socket.socket(*kind).close())
            for kind in ((1, 1), (2, 1), (10, 2), (16, 3, 0))]
    return [made, fine]
""") == [{**dict.fromkeys(("packet", "vsock", "alg", "bluetooth", "netlink diag", "netlink audit"),
                         "EAFNOSUPPORT"), "raw": "EPERM", "raw6": "EPERM"}, [None] * 4]


# -- other people's secrets


def test_the_environment_and_credentials_of_others_are_nowhere(cloud):
    secret = cloud.deploy("def handler(event, context): return os.environ['SECRET']",
                          Environment={"Variables": {"SECRET": "knock knock"}})
    assert cloud.invoke(secret) == ("knock knock", None)
    assert cloud.run("""
import re
def handler(event, context):
    needle = re.compile(rb"k[n]ock k[n]ock")
    for line in open("/proc/self/maps"):
        span, rights, _, _, _, name = [*line.split(maxsplit=5), ""][:6]
        if "r" in rights and not name.startswith(("[v", "/")):
            start, stop = (int(end, 16) for end in span.split("-"))
            if needle.search(ctypes.string_at(start, stop - start)):
                return name or "memory"
    return [name for name in os.environ if "SECRET" in name and name != "AWS_SECRET_ACCESS_KEY"]
""", Timeout=20) == []
