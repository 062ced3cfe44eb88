"""The double does what a SendGrid does, and neither of the two writes a message into a log."""

from __future__ import annotations

import logging
import logging.config
from dataclasses import replace

import pytest

from activities.channels.sendgrid import SendGrid
from errors import InDoubt, Refused
from tests.doubles.sendgrid import ERROR_AFTER_ACCEPT, REFUSE, SERVER_ERROR, SendGridDouble
from tests.mailing import ADDRESS, KEY, LINK, envelope, failure, sendgrid_at


async def test_double_refuses_malformed(channel: SendGrid, double: SendGridDouble) -> None:
    """The double refuses what SendGrid would, and names the field."""
    raised = await failure(channel, replace(envelope(), address="nobody"))
    assert type(raised) is Refused
    assert "personalizations.0.to.0.email" in str(raised)
    assert double.rejected == [(400, "personalizations.0.to.0.email")]
    assert not double.accepted


async def test_double_mix() -> None:
    """The same seed draws the same behaviours, in about the shares that were asked for."""
    drawn = []
    for _ in range(2):
        async with SendGridDouble(keep_bodies=False) as double:
            double.mix({SERVER_ERROR: 0.2, ERROR_AFTER_ACCEPT: 0.3}, seed=7)
            channel = sendgrid_at(double.url, threads=1)
            for n in range(100):
                try:
                    await channel.send(envelope(f"key-{n}"))
                except InDoubt:
                    continue
            await channel.close()
            drawn.append([call.behaviour.name for call in double.calls])
            assert double.accepted.total() == 100 - drawn[-1].count("server_error")
    assert drawn[0] == drawn[1]
    assert 10 <= drawn[0].count("server_error") <= 30
    assert 20 <= drawn[0].count("error_after_accept") <= 40


@pytest.mark.parametrize("through", ["level", "config"])
async def test_key_is_not_logged(
    channel: SendGrid, double: SendGridDouble, caplog: pytest.LogCaptureFixture, through: str
) -> None:
    """With everything logged at DEBUG neither the key nor the message is in the log."""
    name = "python_http_client.client"
    if through == "config":
        loggers = {name: {"level": "DEBUG"}}
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "loggers": loggers})
    caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("the log is on")
    await channel.send(envelope())
    double.script(REFUSE)
    await failure(channel)
    assert "the log is on" in caplog.text
    for secret in (KEY, ADDRESS, "Dear Ada", LINK):
        assert secret not in caplog.text
