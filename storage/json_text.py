"""How JSON columns are written."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def written(value: Any) -> str:
    """The JSON text; by the quicker writer where that can, which half a surrogate pair, for one, is beyond."""
    try:
        return to_json(value).decode()
    except PydanticSerializationError:
        return json.dumps(value)
