"""Through which channel it is best to write to a person."""

from __future__ import annotations

import pytest

from messages import Channel
from profiles.choice import Answered, choice

ALL: frozenset[Channel] = frozenset({"in_app", "push", "email", "webhook"})
AWAY = ALL - {"in_app"}


@pytest.mark.parametrize(
    ("reach", "push", "email", "mobile", "expected"),
    [
        (ALL, (9, 0), (9, 9), False, "in_app"),  # whoever is there reads it there
        (AWAY, (0, 0), (0, 0), True, "push"),
        (AWAY, (0, 0), (0, 0), False, "email"),
        (AWAY - {"push"}, (9, 9), (9, 0), True, "email"),  # no token, or refused
        (AWAY - {"email"}, (9, 0), (9, 9), False, "push"),  # no address, dead or refused
        (frozenset({"webhook"}), (9, 9), (9, 9), True, "email"),  # the send says why not
        (AWAY, (5, 4), (5, 0), False, "push"),  # known to answer to push
        (AWAY, (5, 0), (5, 4), True, "email"),  # known to answer to email
        (AWAY, (4, 4), (50, 0), False, "email"),  # too few pushes to know
        (AWAY, (50, 0), (4, 4), True, "push"),  # too few emails
        (AWAY, (10, 3), (10, 2), False, "email"),  # 4/14 is not clearly more than 3/14
        (AWAY, (5, 99), (5, 5), False, "email"),  # no more than all are answered
    ],
)
def test_choice(
    reach: frozenset[Channel], push: tuple[int, int], email: tuple[int, int], mobile: bool, expected: Channel
) -> None:
    """In-app for who is there; what they answer to where five of each were sent; else push on mobile, and email.

    Killed by: LEAST of 4, CLEARLY of 1, leaving `min` out of the share, or any branch.
    """
    answers: dict[Channel, Answered] = {"push": Answered(*push), "email": Answered(*email)}
    chosen = choice(reach, answers, on_mobile=mobile)
    assert chosen.channel == expected
    assert chosen.reason
