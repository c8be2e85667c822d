"""Make arc-draft-*.json from arc-draft-*.yml: `python arc_as_json.py`.

Only this needs PyYAML; the tests read the JSON, and quicker. A document of the
suite becomes {description, tests, domain, sel, privatekey, txt-records}. The
suite has names twice in one mapping, of which YAML readers keep the last:
here all are kept, as name, name#2, ….
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-not-found,import-untyped,unused-ignore]

HERE = Path(__file__).parent


class _Loader(yaml.SafeLoader):  # type: ignore[misc,unused-ignore]
    """Keeps what stands twice, and all values as texts."""


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = name = str(loader.construct_scalar(key_node))
        count = 1
        while key in found:
            count += 1
            key = f"{name}#{count}"
        if isinstance(value_node, yaml.ScalarNode):
            found[key] = value_node.value
        else:
            found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def main() -> None:
    for name in ("arc-draft-validation-tests", "arc-draft-sign-tests"):
        suite = (HERE / f"{name}.yml").read_text("utf-8")
        documents = list(yaml.load_all(suite, Loader=_Loader))
        (HERE / f"{name}.json").write_text(
            json.dumps(documents, indent=1, ensure_ascii=True) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()
