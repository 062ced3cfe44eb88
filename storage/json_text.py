"""How JSON columns are written and read."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python


def written(value: Any) -> str:
    """The JSON text; by the quicker writer where that can, which half a surrogate pair, for one, is beyond."""
    try:
        return to_json(value).decode()
    except PydanticSerializationError:
        return json.dumps(value, default=to_jsonable_python)


def read(value: str) -> Any:
    """What the JSON text says; by the quicker reader where that can."""
    try:
        return from_json(value)
    except ValueError:
        return json.loads(value)
