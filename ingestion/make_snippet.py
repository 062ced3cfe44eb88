"""How the scripts for pages are made of their sources; `python -m ingestion.make_snippet` writes them."""

from __future__ import annotations

from pathlib import Path

from rjsmin import jsmin  # type: ignore[import-untyped]

STATIC = Path(__file__).with_name("static")
SCRIPTS = {
    "journeyman.js": ("options", "memory", "identity", "delivery", "pages", "data_layer", "inbox", "verbs"),
    "journeyman-inbox.js": ("cards",),
}
"""What is served, and the sources it consists of, in this order."""
WHOLE = "(function () {{ 'use strict';\n{parts}\n}})();"


def made(name: str) -> str:
    """One function, which leaves nothing but `journeyman` in the page."""
    parts = [(STATIC / "source" / f"{part}.js").read_text(encoding="utf-8") for part in SCRIPTS[name]]
    return str(jsmin(WHOLE.format(parts="\n".join(parts)))) + "\n"


if __name__ == "__main__":
    for script in SCRIPTS:
        (STATIC / script).write_text(made(script), encoding="utf-8")
