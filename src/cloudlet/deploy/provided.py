"""Packages that AWS's Node.js runtime brings along: functions import them without asking for them.

``nodejs18.x`` and later ship the AWS SDK for JavaScript v3, earlier ones v2. What a function's files import
of it, and nothing else of it, is installed beside the function.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r"""(?:from|import|require\()\s*\(?['"]((?:@aws-sdk|@smithy)/[a-z0-9-]+|aws-sdk)""")
SOURCES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_LARGEST = 1 << 20  # bytes of a file worth reading: larger ones are bundles that bring everything


def provided_imports(folder: Path) -> list[str]:
    """The packages of the AWS SDK that the code in ``folder`` imports."""
    found: set[str] = set()
    for path in folder.rglob("*"):
        if path.suffix in SOURCES and "node_modules" not in path.parts and path.stat().st_size < _LARGEST:
            found.update(_IMPORT.findall(path.read_text("utf-8", "replace")))
    return sorted(found)
