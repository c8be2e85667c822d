"""Write the expected readings beside the messages of the corpus anew.

Run: `python tests/corpus/rewrite.py`, then read the difference. A reading is
what `pyeonji mail inspect` says, less what says nothing (nulls, empty lists).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyeonji.message.inspect import inspect

HERE = Path(__file__).parent


def reading(octets: bytes) -> dict[str, Any]:
    """The essentials of how we read a message."""
    seen = inspect(octets)
    return {
        "headers": [[h["name"], h["decoded"]] for h in seen["headers"]],
        "envelope": seen["envelope"],
        "bodystructure": seen["bodystructure"],
        "parts": [
            {key: value for key, value in part.items() if value not in (None, {})}
            for part in seen["parts"]
        ],
        "defects": seen["defects"],
    }


def main() -> None:
    """Rewrite all."""
    for path in sorted(HERE.glob("*/*.eml")):
        text = json.dumps(reading(path.read_bytes()), ensure_ascii=False, indent=1)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
