"""Where this cloudlet can be reached and keeps its files, for those who must tell others."""

from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True):
    """An address, and a folder."""

    host: str
    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        """The URL that clients on this machine use."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "localhost") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def site(self, label: str, name: str) -> str:
        """The URL of a site that works wherever this cloudlet can be reached."""
        return f"{self.endpoint}/_site/{label}/{name}"
