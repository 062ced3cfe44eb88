"""What never comes to light: the key, the access token, the address and the message."""

from __future__ import annotations

import json
import logging
import logging.config
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from activities.channels.firebase import Firebase, read_account
from errors import SettingsError
from settings import ROOT
from tests.doubles.firebase import FirebaseDouble
from tests.doubles.firebase_behaviour import (
    CUT_AFTER_ACCEPT,
    FORBIDDEN,
    NO_TOKEN,
    TOO_LARGE,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNREGISTERED,
    quota,
)
from tests.doubles.google import new_key, pem
from tests.pushing import FID, TITLE, TOKEN, envelope, failure

LIBRARIES = (
    "google",
    "google.auth",
    "google.auth.transport.requests",
    "google.oauth2",
    "firebase_admin",
    "urllib3",
    "requests",
)


class Everything(logging.Handler):
    """Keeps all that a log line carries, also beside its text: structured logs write that too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(repr(record.__dict__) + self.format(record))


def secrets(double: FirebaseDouble) -> list[str]:
    """What may not be found; the access tokens too, and the signature of any assertion."""
    return [TOKEN, FID, TITLE, "Still here", "shop.example", "BEGIN PRIVATE", "assertion", *double.tokens]


@pytest.mark.parametrize("through", ["level", "config"])
async def test_logs(channel: Firebase, double: FirebaseDouble, tmp_path: Path, through: str) -> None:
    """With everything logged at DEBUG nothing of the message or the credentials is in the log, however it ends."""
    handler = Everything()
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    if through == "config":
        loggers = {name: {"level": "DEBUG"} for name in LIBRARIES}
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "loggers": loggers})
    else:
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        await channel.send(envelope())
        for behaviour in (UNREGISTERED, NO_TOKEN, UNAUTHORIZED, FORBIDDEN, UNAVAILABLE, CUT_AFTER_ACCEPT, quota("1")):
            double.script(behaviour)
            await failure(channel)
        stranger = Firebase(double.key_file(tmp_path, private_key=pem(new_key())))
        await failure(stranger)
        await stranger.close()
        del double.hosts["fcm.googleapis.com"]
        await double.close()
        await failure(channel)
    finally:
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.NOTSET)
        root.setLevel(before)
        root.removeHandler(handler)
    assert any("messages:send" in line for line in handler.kept), "the log is on"
    assert not [(secret, line) for secret in secrets(double) for line in handler.kept if secret in line]


async def test_errors(channel: Firebase, double: FirebaseDouble) -> None:
    """Whatever Firebase's error quotes, ours does not, and it drags nothing along."""
    quoting = f"{TITLE} for {TOKEN}"
    fields = (TOKEN, f"message.{TITLE}", f"message.data[{TOKEN}].value", "message.token", "")
    for each in (UNREGISTERED, NO_TOKEN, TOO_LARGE, UNAUTHORIZED, FORBIDDEN, UNAVAILABLE, quota()):
        for field in fields:
            double.script(replace(each, message=quoting, field=field))
            raised = await failure(channel)
            assert not [secret for secret in secrets(double) if secret in repr(raised)]
            assert raised.__cause__ is None
            assert raised.__context__ is None
    assert len(double.calls) == 7 * len(fields)


def test_repr(double: FirebaseDouble, key_file: Path) -> None:
    """The channel says nothing of its credentials."""
    channel = Firebase(key_file)
    assert "PRIVATE" not in repr(vars(channel))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("canary {", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["canary"]', "service account"),
        ('{"type": "authorized_user", "client_secret": "canary"}', "service account"),
        ('{"type": "service_account", "project_id": "canary"}', "client_email"),
        ('{"type": "service_account", "project_id": 7}', "project_id"),
    ],
    ids=range(7),
)
def test_key_file(tmp_path: Path, content: str | None, told: str) -> None:
    """A file that is no service account's key is refused at start-up: the text says what is wrong, and quotes nothing."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="FIREBASE_CREDENTIALS") as caught:
        read_account(path)
    assert told in str(caught.value)
    assert "canary" not in str(caught.value)


def test_folder_as_key_file(tmp_path: Path) -> None:
    """A folder is no key file either."""
    with pytest.raises(SettingsError, match="directory"):
        Firebase(tmp_path)


@pytest.mark.parametrize("private_key", ["canary", pem(new_key())[:300] + "canary"], ids=["text", "cut"])
def test_private_key(double: FirebaseDouble, tmp_path: Path, private_key: str) -> None:
    """A private key that cannot be read is refused at start-up, and not quoted."""
    path = double.key_file(tmp_path, private_key=private_key)
    assert json.loads(path.read_text())["private_key"] == private_key
    with pytest.raises(SettingsError, match="private key") as caught:
        Firebase(path)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_not_loaded_without_credentials() -> None:
    """A worker that does not push does not load the library."""
    program = "import sys, worker; from settings import Settings; worker.providers(Settings()); print(*sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != "FIREBASE_CREDENTIALS"}
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert "activities.channels.firebase" in loaded
    assert "firebase_admin" not in loaded
