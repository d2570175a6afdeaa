"""A RabbitMQ of the tests' own: its programs run as children, on free ports, in a folder that is removed."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from cloudlet.scratch import Scratch

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_PATIENCE_S = 60


class Rabbit:
    """A broker, with Erlang's port mapper beside it."""

    def __init__(self) -> None:
        mapper = shutil.which("epmd") or next(
            (str(found) for found in Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)
        if not PROGRAM.exists() or mapper is None:
            raise FileNotFoundError("RabbitMQ is not installed here (apt install rabbitmq-server)")
        self._scratch = Scratch("rabbit")
        self.folder = self._scratch.path
        self.port, self._mapped, distribution = free_port(), free_port(), free_port()
        self._mapper = subprocess.Popen([mapper, "-address", "127.0.0.1", "-port", str(self._mapped)])
        (self.folder / "plugins").write_text("[].")
        (self.folder / "rabbitmq.conf").write_text("loopback_users = none\nlog.file = false\n")
        self._environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "ERL_EPMD_PORT": str(self._mapped),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(distribution), "RABBITMQ_MNESIA_BASE": str(self.folder),
            "RABBITMQ_LOG_BASE": str(self.folder), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}"}
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        """Run the broker until it lets clients in."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM], env=self._environment, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as door:
                    door.sendall(b"AMQP\0\0\x09\x01")
                    if door.recv(1):
                        return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                said = (self.folder / "log").read_text()[-2000:]
                self.stop()
                raise RuntimeError(f"RabbitMQ did not start: {said}")
            time.sleep(0.1)

    def halt(self) -> None:
        """The broker dies."""
        if self.process:
            os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End both programs, and leave nothing."""
        self.halt()
        self._mapper.kill()
        self._mapper.wait()
        self._scratch.remove()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
