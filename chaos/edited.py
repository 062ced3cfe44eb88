"""What a user changes in a template: a copy of the project in which one email loses its worth sooner."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from settings import ROOT


def with_expiry(folder: Path, template: str, expires: str) -> str:
    """Copy the project there, let that email expire after `expires` in every language; returns the copy's worker."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "chaos", "benchmarks", "build")
    shutil.copytree(ROOT, folder, ignore=left_out)
    for path in (folder / "templates" / "email").glob(f"{template}.*"):
        text, changed = re.subn(r"(?m)^expires: .+$", f"expires: {expires}", path.read_text(encoding="utf-8"), count=1)
        assert changed, f"{path.name} does not say when it expires"
        path.write_text(text, encoding="utf-8")
    return str(folder / "worker.py")
