"""The stores that laws are asked of, and a PostgreSQL server of our own."""

import asyncio
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop

from cloudlet.gateway.home import Limits
from cloudlet.scratch import Scratch
from cloudlet.store.sqlite import SqliteStore

from .sockets import Site

ORDINARY = "nobody"  # PostgreSQL refuses to run as root


class Server:
    """A PostgreSQL server on a unix socket in a folder of its own."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries, self.folder, self.data = binaries, folder / "home", folder / "home" / "data"
        self.folder.mkdir()
        self.dsn = f"host={self.folder} user=cloudlet dbname=postgres"
        self._user = (
            {"user": ORDINARY, "group": pwd.getpwnam(ORDINARY).pw_gid, "extra_groups": []}
            if os.geteuid() == 0
            else {}
        )
        if self._user:
            os.chown(self.folder, pwd.getpwnam(ORDINARY).pw_uid, -1)
        self._run(
            "initdb",
            "-D",
            self.data,
            "-U",
            "cloudlet",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        )
        self.start()

    def start(self) -> None:
        self._run(
            "pg_ctl",
            "-D",
            self.data,
            "-w",
            "-t",
            "30",
            "-l",
            self.folder / "log",
            "-o",
            f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=60"
            " -c deadlock_timeout=50ms",
            "start",
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self.binaries / program, *map(str, arguments)],
            cwd=self.folder,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=program == "initdb",
            stdout=None if program == "initdb" else subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **self._user,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def binaries() -> Path | None:
    """Where PostgreSQL's programs are on this machine, the newest first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: -float(p.parts[-3]))
    with suppress(TypeError):
        found.append(Path(shutil.which("initdb")))
    found += Path("/usr/local").glob("pgsql*/bin/initdb")
    return found[0].parent if found else None


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server that nobody else uses; the test is skipped where none can be had."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (pip install psycopg[binary])")
    assert psycopg
    where = binaries()
    if where is None:
        pytest.skip("PostgreSQL is not installed here (apt install postgresql)")
    with Scratch("postgres") as folder:
        folder.chmod(0o711)
        try:
            server = Server(where, folder)
        except (RuntimeError, OSError, KeyError) as error:
            pytest.skip(f"PostgreSQL can't be started here: {error}")
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "sqlite-power", "memory", "postgres"])
def make(request, tmp_path):
    """Opens a store that is empty, again and again."""
    opened = []
    if request.param == "postgres":
        import psycopg

        from cloudlet.store.postgres import PostgresStore

        dsn = request.getfixturevalue("postgres").dsn

        def fresh():
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("DROP TABLE IF EXISTS map, layout")
            return PostgresStore(dsn, connections=4)
    else:

        def fresh():
            folder = None if request.param == "memory" else tmp_path / f"data{len(opened)}"
            return SqliteStore(folder, "power" if request.param == "sqlite-power" else "process")

    def start():
        opened.append(fresh())
        return opened[-1]

    yield start
    for store in opened:
        store.close()


@pytest.fixture
def run(make):
    """Tells a story to an empty store of each kind."""

    def tell(story):
        async def main():
            store = make()
            try:
                await asyncio.wait_for(story(store), 60)
            finally:
                store.close()

        uvloop.run(main())

    return tell


@pytest.fixture
def serve():
    started = []

    def start(handler, **limits):
        started.append(Site(handler, Limits(**limits)))
        return started[-1]

    yield start
    for site in started:
        site.stop()
        site.join()
