"""What a machine can isolate is tried, said, and, where that is asked, insisted on."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudlet.app import Options, running
from cloudlet.cli import doctor
from cloudlet.functions import cgroups, isolation, journal, outlet, zygotes
from cloudlet.functions.doors import Doors
from cloudlet.functions.guest import seccomp
from cloudlet.kernel.folders import allow

from .conftest import PYTHON, ROLE, Serving

HEADERS = {"x86_64": (0, Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")),
           "aarch64": (1, Path("/usr/include/asm-generic/unistd.h"))}
CLOUDLET = (sys.executable, "-m", "cloudlet")
WITHOUT = {"CLOUDLET_SANDBOX": "off"}


# -- the list of system calls


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_of_the_filter_are_the_kernels(machine):
    index, header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    known = {name: int(number) for name, number in
             re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", header.read_text(), re.MULTILINE)}
    for name, numbers in seccomp.FORBIDDEN.items():
        if name in known or numbers[index] == -1:
            assert known.get(name, -1) == numbers[index], name
    called = (("clone", seccomp._CLONE), ("socket", seccomp._SOCKET), ("ioctl", seccomp._IOCTL),
              ("personality", seccomp._PERSONALITY))
    assert {name: numbers[index] for name, numbers in called} == {name: known[name] for name, _ in called}


def test_the_filter_forbids_what_dockers_does():
    """Source: docs.docker.com/engine/security/seccomp, the significant calls that its profile blocks."""
    docker = """acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module
        get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl
        lookup_dcookie mbind mount move_pages nfsservctl open_by_handle_at perf_event_open pivot_root
        process_vm_readv process_vm_writev ptrace query_module quotactl reboot request_key set_mempolicy
        setns settimeofday
        swapon swapoff sysfs _sysctl umount2 unshare uselib userfaultfd ustat io_uring_setup io_uring_enter
        io_uring_register"""
    assert set(docker.split()) <= set(seccomp.FORBIDDEN)


def test_a_machine_that_the_filter_is_not_written_for_has_none():
    assert seccomp.program("riscv64") == b""
    for machine in HEADERS:
        assert len(seccomp.program(machine)) % 8 == 0 and len(seccomp.program(machine)) // 8 < 4096


# -- strict


def test_strict_refuses_and_says_why_and_what_to_do(monkeypatch):
    found = {"sandbox": "", "filter": "none for vax", "network": "no"}
    monkeypatch.setattr(isolation, "tried", lambda: found)
    monkeypatch.setattr(cgroups, "_homes", dict)
    with pytest.raises(isolation.IsolationError) as refused:
        isolation.require("strict", "isolated")
    told = str(refused.value).splitlines()
    assert told[0] == ("This machine can't isolate functions as "
                       "--isolation strict and --network isolated asks.")
    assert [line.partition(":")[0].strip() for line in told[1:]] == [
        "system call filter", "own network", "memory limit"]
    assert "Delegate=yes" in told[3]
    isolation.require("available", "host")
    assert isolation.weaknesses("host") == ["no system call filter", "no memory limit", "no cpu limit"]


def test_where_nothing_can_be_had_everything_is_said(monkeypatch):
    monkeypatch.setattr(isolation, "tried", lambda: {"sandbox": "sandboxes need Linux, and this is vax"})
    monkeypatch.setattr(cgroups, "_homes", dict)
    assert not isolation.can_isolate() and isolation.processes() == 0
    assert isolation.weaknesses("host")[:3] == ["no sandbox", "no system call filter", "no memory limit"]
    with pytest.raises(isolation.IsolationError, match=r"sandboxes need Linux"):
        isolation.require("strict", "host")
    with pytest.raises(isolation.IsolationError, match="own network: comes with the sandbox: sandboxes"):
        isolation.require("available", "isolated")


async def _start(options):
    async with running(options):
        raise AssertionError("it started")


@pytest.mark.parametrize("options", [{"isolation": "strict"}, {"network": "isolated"}], ids=str)
def test_a_cloudlet_that_cannot_do_what_is_asked_does_not_start(options, monkeypatch):
    monkeypatch.setenv("CLOUDLET_SANDBOX", "off")
    with pytest.raises(isolation.IsolationError, match="CLOUDLET_SANDBOX=off"):
        asyncio.run(_start(Options(port=0, **options)))


def test_up_refuses_in_one_plain_message(tmp_path):
    done = subprocess.run([*CLOUDLET, "up", tmp_path, "--port", "0", "--isolation", "strict"],
                          capture_output=True, text=True, timeout=60, env={**os.environ, **WITHOUT})
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "This machine can't isolate functions as --isolation strict asks." in done.stderr
    assert "sandbox: CLOUDLET_SANDBOX=off says to go without" in done.stderr


def test_the_doctor_says_what_holds_and_what_strict_would_do(monkeypatch):
    def said():
        return {one.name: one for one in doctor.findings() if one.area == "functions"}

    assert set(said()) == {"sandbox", "system call filter", "own network", "no abstract sockets",
                           "memory limit", "process limit", "cpu limit", "--isolation strict"}
    monkeypatch.setenv("CLOUDLET_SANDBOX", "off")
    found = said()
    assert not found["sandbox"].fine and not found["own network"].fine
    assert found["--isolation strict"].detail.startswith("refuses to start: sandbox, system call filter")


def test_up_says_what_functions_are_not_kept_from_and_leaves_a_token_for_its_user_alone(tmp_path):
    up = subprocess.Popen([*CLOUDLET, "up", tmp_path, "--port", "0", "--json"], text=True,
                          stdout=subprocess.PIPE, env={**os.environ, **WITHOUT, "CLOUDLET_TOKEN": ""})
    try:
        events = (json.loads(line) for line in up.stdout)
        ready = next(event for event in events if event["event"] == "ready")
        told = next(event for event in events if event["event"] == "isolation")
        note = tmp_path / ".cloudlet" / "token"
        assert told["network"] == "host" and told["missing"][:2] == ["no sandbox", "no system call filter"]
        assert (note.read_text().strip(), note.stat().st_mode & 0o777) == (ready["token"], 0o600)
        environment = {name: text for name, text in os.environ.items()
                       if not name.startswith(("AWS_", "CLOUDLET_TOKEN"))}
        told = subprocess.run([*CLOUDLET, "env"], cwd=tmp_path, capture_output=True,
                              text=True, env=environment).stdout
        assert f"export CLOUDLET_TOKEN={ready['token']}\n" in told
        elsewhere = subprocess.run([*CLOUDLET, "env", "--endpoint", "http://127.0.0.1:1"],
                                   cwd=tmp_path, capture_output=True, text=True, env=environment).stdout
        assert "CLOUDLET_TOKEN" not in elsewhere, "it is not for other cloudlets"
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=20)
    assert not note.exists()


# -- what else walls are made of


@pytest.mark.skipif(bool(isolation.trial()), reason=f"no sandbox here: {isolation.trial()}")
def test_workers_do_not_outlive_a_cloudlet_that_is_killed(eventually):
    """Not even those that ignore that their channel is gone."""
    serving = Serving("root" if os.geteuid() == 0 else "ordinary", "host")
    mark = f"left-by-{time.time_ns()}"
    serving.run("""
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        os.execv("/usr/bin/env", ["env", "mark=" + event, "sleep", "1000"])
""", mark)
    eventually(lambda: _marked(mark))
    serving.stop(signal.SIGKILL)
    eventually(lambda: not _marked(mark))


def _marked(mark):
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [path.parent.name] if f"mark={mark}".encode() in path.read_bytes().split(b"\0") else []
        except OSError:
            continue
    return found


def test_a_prefix_that_holds_peoples_files_is_shown_in_part(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "people" / "ada"))
    (tmp_path / "people" / "ada" / "lib").mkdir(parents=True)
    (tmp_path / "people" / "ada" / "letters").mkdir()
    assert zygotes._narrow(tmp_path / "people" / "ada") == [str(tmp_path / "people" / "ada" / "lib")]
    assert zygotes._narrow(tmp_path / "people") == []
    assert zygotes._narrow(Path("/")) == []
    own = tmp_path / "people" / "ada" / ".pyenv" / "versions" / "3.11"
    assert zygotes._narrow(own) == [str(own)]


def test_lines_are_written_in_batches_that_the_log_takes():
    lines = [(3, "x" * 600_000), (1, "y" * 600_000), (2, "é" * 300_000)]
    assert [[at for at, _ in batch] for batch in journal.batches(lines)] == [[1], [2], [3]]
    assert [len(batch) for batch in journal.batches([(0, "")] * 25_000)] == [10_000, 10_000, 5_000]


def test_what_the_store_cannot_take_in_time_is_left_out_and_said(caplog):
    async def story():
        release, written = asyncio.Event(), []

        async def write(stream, lines):
            await release.wait()
            written.extend(lines)

        keeping = journal.Journal(write)
        stream = journal.Stream("0", "r", "g", "s")
        for _ in range(200):
            keeping.add(stream, [(0, "x" * (1 << 20))])
        release.set()
        await keeping.flush()
        return len(written)

    assert 60 <= asyncio.run(story()) <= 66
    assert "lines of functions were left out" in caplog.text


def test_an_isolated_network_knows_the_cloudlets_name_and_no_other():
    doors = Doors("http://127.0.0.1:4566", None)
    assert (doors.address, doors.port) == ("127.0.0.1", 4566)
    assert doors.etc["hosts"].splitlines()[0] == "127.0.0.1 localhost"
    assert "nameserver" not in doors.etc["resolv.conf"]
    assert Doors("http://[::1]:1", None).address == "::1"
    assert Doors("http://10.1.2.3:1", None).address == "10.1.2.3"
    named = Doors("http://localhost:80", None)
    assert named.address in ("127.0.0.1", "::1")


INSIDE = """
import os, socket, sys, time
sys.path.insert(0, sys.argv[1])
import network, sandbox
sandbox.own_namespaces(os.geteuid() == 0)
door = network.isolate(sys.argv[2], 4566)
for last in 49 * [False] + [True]:  # an address of version 6 is there in a moment
    try:
        near = socket.create_connection((sys.argv[2], 4566), 5)
        break
    except OSError:
        if last:
            raise
        time.sleep(0.1)
print(near.getpeername()[0], door.accept()[1][0])
near.close()
try:
    socket.create_connection(("10.9.9.9", 4566), 5)
except OSError as error:
    print(error.errno == 101)
"""


@pytest.mark.skipif(bool(isolation.tried().get("network", "no sandbox")), reason="no networks here")
@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fd00::12"])
def test_the_endpoint_has_the_same_address_inside_whatever_it_is(address):
    guest = Path(isolation.__file__).parent / "guest"
    done = subprocess.run([sys.executable, "-c", INSIDE, guest, address], capture_output=True, text=True,
                          timeout=30)
    if ":" in address and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this kernel has no IPv6")
    assert done.stdout.split() == [address, address, "True"], done.stderr


DELEGATED = """
import os, sys
from pathlib import Path
from cloudlet.functions import cgroups
home = cgroups._home(Path(sys.argv[1]), sys.argv[2])
own = Path("/proc/self/cgroup").read_text().split("0::")[1]
print(home, (home / "cgroup.controllers").read_text().strip(), own)
"""


def test_a_group_of_its_own_in_version_2_is_made_to_pass_its_controls_on():
    """As in a unit with Delegate=yes: alone in its group, which therefore can't limit groups below it."""
    top = next((path for path in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
                if (path / "cgroup.controllers").exists()), None)
    controls = top and (top / "cgroup.controllers").read_text().split()
    if not controls or not os.access(top / "cgroup.procs", os.W_OK):
        pytest.skip("no control groups of version 2 that may be changed here")
    control = next((one for one in ("memory", "pids", "hugetlb") if one in controls), controls[0])
    before = (top / "cgroup.subtree_control").read_text().split()
    unit = top / f"cloudlet-test-{os.getpid()}"
    (top / "cgroup.subtree_control").write_text(f"+{control}")
    unit.mkdir()
    try:
        def join():
            (unit / "cgroup.procs").write_text(str(os.getpid()))

        done = subprocess.run([sys.executable, "-c", DELEGATED, unit, control], capture_output=True,
                              text=True, preexec_fn=join)
        assert done.returncode == 0, done.stderr
        home, passed, own = done.stdout.split()
        assert Path(home).parent == unit and control in passed
        assert own.endswith("-itself"), "it has moved out of the way"
    finally:
        for folder in sorted(unit.rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        unit.rmdir()
        if control not in before:
            (top / "cgroup.subtree_control").write_text(f"-{control}")


def test_the_data_folder_is_empty_for_a_function_whose_code_is_the_whole_application(tmp_path, fresh):
    tmp_path.chmod(0o755)
    (tmp_path / "app.py").write_text("import os\ndef handler(event, context):\n"
                                     "    return [sorted(os.listdir()), os.listdir('data')]\n")
    serving = fresh()
    asyncio.run_coroutine_threadsafe(allow(serving.cloudlet.store, [tmp_path]), serving._loop).result()
    client = serving.client("lambda")
    client.create_function(FunctionName="whole", Role=ROLE, Runtime=PYTHON, Handler="app.handler",
                           Code={"S3Bucket": "cloudlet-local", "S3Key": str(tmp_path)})
    assert json.load(client.invoke(FunctionName="whole")["Payload"]) == [["app.py", "data"], []]
    assert (tmp_path / "data" / "store.sqlite").exists()


def test_empty_lines_are_not_for_nothing():
    async def story():
        gathered = outlet.Outlet(lambda: 0, lambda lines: None)
        os.close(gathered.open())
        for _ in range(200_000):
            gathered.add(b"")
        return gathered.flooded, gathered.finish()

    flooded, lines = asyncio.run(story())
    assert flooded and len(lines) < outlet.EVENT_LIMIT // 100
    assert lines[-1][1].startswith("cloudlet left out")


LEFT = """
import os
from cloudlet.functions.cgroups import Groups
group = Groups().create("a-worker", 128, 512)
print(*group.paths, flush=True)
os._exit(1)
"""


def test_the_groups_of_a_cloudlet_that_was_killed_are_taken_away_by_the_next():
    def killed():
        return subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True).stdout.split()

    left = killed()
    if not left:
        pytest.skip("no control groups that may be changed here")
    assert all(Path(folder).is_dir() for folder in left)
    for folder in killed():  # the next one
        Path(folder).rmdir()
        Path(folder).parent.rmdir()
    assert not [folder for folder in left if Path(folder).parent.exists()]
