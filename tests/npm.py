"""Programs written against packages of npm: installed once for a run of the tests, from tests/clients, and gone with it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"
OFFLINE = ("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ENOTFOUND", "ENOTCACHED", "ETIMEDOUT")


def installed(factory: pytest.TempPathFactory) -> Path:
    """A folder in which the packages of tests/clients can be imported; skips where they cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm: install Node.js 18 or newer to try the clients that run in it")
    base = factory.getbasetemp()
    # The workers of pytest-xdist share what is one level up.
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "npm"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(CLIENTS / name, folder)
            _install(folder)
            (folder / "done").touch()
    return folder


async def run(folder: Path, name: str, text: str, *arguments: str, **environment: str) -> str:
    """What a script of this name and text prints; AssertionError with what it says if it fails."""
    script = _placed(folder / name, text)
    process = await asyncio.create_subprocess_exec(
        "node",
        str(script),
        *arguments,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = output.decode()
    assert process.returncode == 0, told
    return told


def _placed(script: Path, text: str) -> Path:
    """Beside the packages, where Node looks for what a script imports."""
    script.write_text(text, encoding="utf-8")
    return script


def _install(folder: Path) -> None:
    done = subprocess.run(
        ["npm", "install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if done.returncode and any(sign in done.stderr for sign in OFFLINE):
        pytest.skip("needs npm's registry, or what is needed of it in npm's cache: no packages could be had")
    assert done.returncode == 0, done.stderr
