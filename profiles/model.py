"""All that training has learned, and how it is kept: one line of JSON and the arrays behind it, packed."""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .forecast import Logistic, NextCategory
from .recommender import Recommender

FORMAT = 1
ARRAYS = (("category_of", "i"), ("popularity", "f"), ("near", "i"), ("likeness", "f"))


@dataclass(frozen=True)
class Model:
    """What is recommended, and what is foretold where there was enough to learn it from. Nobody in it can be told from another."""

    made_at: datetime
    recommender: Recommender
    buying: Logistic | None = None
    next_category: NextCategory | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What training has found out about its own worth."""

    def packed(self) -> bytes:
        """As the database keeps it."""
        known = self.recommender
        head = {
            "format": FORMAT,
            "made_at": self.made_at.isoformat(),
            "ids": [*known.ids],
            "categories": [*known.categories],
            "width": known.width,
            "facts": [*known.facts],
            "buying": self.buying.plain() if self.buying else None,
            "next_category": self.next_category.plain() if self.next_category else None,
            "figures": self.figures,
        }
        arrays = b"".join(_little(getattr(known, name)).tobytes() for name, _ in ARRAYS)
        return zlib.compress(json.dumps(head, separators=(",", ":")).encode() + b"\n" + arrays, 3)

    @classmethod
    def unpacked(cls, body: bytes) -> Model:
        """From what `packed` gave; ValueError for anything else, and for the format of another release."""
        try:
            line, _, rest = zlib.decompress(body).partition(b"\n")
            head = json.loads(line)
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']}")
            sizes = {"near": len(head["ids"]) * head["width"], "likeness": len(head["ids"]) * head["width"]}
            arrays, at = dict[str, Any](), 0
            for name, code in ARRAYS:
                values: Any = array(code)
                end = at + sizes.get(name, len(head["ids"])) * values.itemsize
                values.frombytes(rest[at:end])
                arrays[name], at = _little(values), end
            if at != len(rest):
                raise ValueError("its arrays are cut off")
            recommender = Recommender.of(
                head["ids"], categories=head["categories"], width=head["width"], facts=head["facts"], **arrays
            )
            return cls(
                datetime.fromisoformat(head["made_at"]),
                recommender,
                Logistic.read(head["buying"]) if head["buying"] else None,
                NextCategory.read(head["next_category"]) if head["next_category"] else None,
                head["figures"],
            )
        except (zlib.error, KeyError, TypeError) as error:
            raise ValueError(type(error).__name__) from None


def _little(values: Any) -> Any:
    """The bytes of every machine are those of most."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values
