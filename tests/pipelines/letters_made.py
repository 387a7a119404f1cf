"""Dead letters made by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any


def letter(offset: int = 0, **fields: Any) -> dict[str, Any]:
    """A letter of a record of the topic `shop.items`; fields as in docs/dead_letters.md."""
    return {
        "payload": base64.b64encode(b"value %d" % offset).decode(),
        "key": base64.b64encode(b"key").decode(),
        "headers": [["h", base64.b64encode(b"\xff").decode()]],
        "topic": "shop.items",
        "partition": 0,
        "offset": offset,
        "timestamp": "2026-05-01T12:00:00.000Z",
        "stage": "project",
        "statement": "events",
        "error_class": "ValueRefused",
        "message": "items.sql:3:1: it is no number; the value is 'x'",
        "schema_id": 7,
        "attempts": 1,
        "first_failed_at": "2026-05-01T12:00:01.000Z",
        "last_failed_at": "2026-05-01T12:00:01.000Z",
        "pipeline": "items",
        "version": "1.2.3",
        **fields,
    }


def write_letters(path: Path, *letters: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in letters), encoding="utf-8")
    return path
