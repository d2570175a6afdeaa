"""The processes that an init has started: runtime and extensions, what they write, and how they end.

Each has a process group of its own where the sandbox's end takes all with it; elsewhere all share that of the
init, so that none is left over when it is killed.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import typing

Said = typing.Callable[[str], None]
_LONGEST_LINE = 256 << 10  # bytes of a log event
_FILES = 4096  # more than are ever open here


class Process:
    """One of them."""

    def __init__(self, pid: int, output: int, said: Said, grouped: bool) -> None:
        loop = asyncio.get_running_loop()
        self.pid, self.ended = pid, loop.create_future()  # how it ended, as os.waitstatus_to_exitcode says
        self._output, self._said, self._grouped, self._partial = output, said, grouped, b""
        os.set_blocking(output, False)
        loop.add_reader(output, self.read)

    def read(self) -> None:
        """Take over what it has written."""
        while self._output >= 0:
            try:
                piece = os.read(self._output, 64 << 10)
            except BlockingIOError:
                return
            if not piece:
                self.close()
                return
            *lines, self._partial = (self._partial + piece).split(b"\n")
            for line in lines:
                self._said(line.decode("utf-8", "replace"))
            if len(self._partial) > _LONGEST_LINE:
                self._flush()

    def close(self) -> None:
        """Nothing more is read of it."""
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1
        self._flush()

    def _flush(self) -> None:
        partial, self._partial = self._partial, b""
        if partial:
            self._said(partial.decode("utf-8", "replace"))

    def end(self, status: int) -> None:
        """It has ended."""
        self.read()
        self._flush()
        self.ended.set_result(status)

    def signal(self, number: int) -> None:
        """Send it a signal: to all of its group, if that is to kill."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._grouped and number == signal.SIGKILL:
                os.killpg(self.pid, number)
            elif not self.ended.done():
                os.kill(self.pid, number)


class Processes:
    """Starts, and reaps; all that lose their parent in a PID namespace fall to its first process, too."""

    def __init__(self) -> None:
        self.grouped = os.getpid() == 1
        self._running: dict[int, Process] = {}
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def start(self, argv: "list[str]", environment: "dict[str, str]", folder: str, said: Said,
              keep: "tuple[int, ...]" = ()) -> Process:
        """Run a program; OSError if it can't be run."""
        output, theirs = os.pipe()
        try:
            started = subprocess.Popen(argv, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                                       stdout=theirs, stderr=theirs, pass_fds=keep,
                                       start_new_session=self.grouped)
        except OSError:
            os.close(output)
            raise
        finally:
            os.close(theirs)
        started.returncode = 0  # it is reaped here, and not by that object
        return self._follow(Process(started.pid, output, said, self.grouped))

    def fork(self, become: "typing.Callable[[int], None]", channel: int, said: Said) -> Process:
        """Go on with ``become`` in a process of its own, which keeps nothing but ``channel``."""
        output, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            _leave(channel, theirs, self.grouped)
            _run(become, channel)
        os.close(theirs)
        return self._follow(Process(pid, output, said, self.grouped))

    def most_kb(self) -> int:
        """The most memory that those who run have used."""
        return sum(_peak_kb(pid) for pid in self._pids())

    def _pids(self) -> "list[int]":
        """In a PID namespace, all but this one."""
        if not self.grouped:
            return list(self._running)
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]

    def _follow(self, process: Process) -> Process:
        self._running[process.pid] = process
        return process

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            process = self._running.pop(pid, None)
            if process is not None:
                process.end(os.waitstatus_to_exitcode(status))


def _leave(channel: int, output: int, grouped: bool) -> None:
    """In the child: nothing of the init's is left but its memory."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if grouped:
        os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, channel)
    os.closerange(channel + 1, _FILES)
    own = __name__.rpartition(".")[0]
    for name in [name for name in sys.modules if name == own or name.startswith(own + ".")]:
        del sys.modules[name]


def _run(become: "typing.Callable[[int], None]", channel: int) -> None:
    try:
        become(channel)
    except SystemExit as leaving:
        os._exit(leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1)
    except BaseException as error:
        os.write(2, f"cloudlet could not start the function's process: {error!r}\n".encode())
        os._exit(125)
    os._exit(0)


def _peak_kb(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1])
    return 0


def how_it_ended(status: int) -> str:
    """An exit in AWS's words: ``exit status 1`` or ``signal: killed``."""
    if status < 0:
        return f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
    return f"exit status {status}"
