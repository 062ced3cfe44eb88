"""Which mistakes there are, and what the reader should do about each.

JourneymanError
├── SettingsError            the environment is wrong: a port, an address, a credential
├── PartDied                 a part of this process has ended by itself; the process ends too
├── JourneyError             a journey file is wrong; refused when loaded, before anyone enters it
├── EventError               an event is wrong; the front door answers 400 and stores nothing
│   ├── EventTooLarge        413
│   ├── EventConflict        409: the message id is known with another body
│   └── EventNotPermitted    403: the key may send events, and not this one
├── NotAdmitted              a door: the key is missing or wrong; 401
│   └── NotPermitted         403: the key is right, and opens other doors
├── TooBusy                  429: too many events wait to be stored; nothing of this was
├── TemplateError            a template is missing or cannot be rendered
├── ReportError              a report is asked for that there is none of: days that are none; 400
├── NotInDoubt               support settles a message that has been settled meanwhile: nothing is changed
└── ProviderError            a provider did not accept a message
    ├── NeverSent            it never left this machine: safe to try again
    ├── TryLater             the provider asked us to wait (429): safe to try again
    ├── Refused              the provider will never accept it (4xx): not tried again
    │   └── AddressGone      nor anything else for this address
    └── InDoubt              it may have arrived: never blindly tried again
        └── RepeatLater      it may have arrived, and whoever gets it drops repeats: safe to try again
"""

from datetime import timedelta
from typing import ClassVar


class JourneymanError(Exception):
    """The root of every error raised on purpose; its text says what to do next and holds no personal data."""

    reason: ClassVar[str] = ""
    """One word for programs, where a door answers with it."""


class SettingsError(JourneymanError):
    """The environment does not fit: the text names the variable and what it expects."""


class PartDied(JourneymanError):
    """A part without which this process is no good has ended by itself; start the process again."""


class JourneyError(JourneymanError):
    """A journey cannot be loaded: the text names the file and how to mend it."""


class EventError(JourneymanError):
    """An event cannot be taken: the text names the field. Nothing of it was stored."""

    reason = "invalid"


class EventTooLarge(EventError):
    """A body over the limit; send smaller batches."""

    reason = "too_large"


class EventConflict(EventError):
    """The message id was used before with another body; give every event its own id."""

    reason = "conflict"


class EventNotPermitted(EventError):
    """The key may send events, and not this one."""

    reason = "scope"


class NotAdmitted(JourneymanError):
    """The key is missing or wrong."""

    reason = "key"


class NotPermitted(NotAdmitted):
    """The key is right, and opens other doors."""

    reason = "scope"


class TooBusy(JourneymanError):
    """A front door holds as many events as it may; send them again when it says."""

    reason = "busy"


class TemplateError(JourneymanError):
    """A template is missing, malformed, or refused its data."""


class ReportError(JourneymanError):
    """There is no such report: the text names what was asked for, and what is expected."""

    reason = "invalid"


class NotInDoubt(JourneymanError):
    """The message has been settled: by its provider, by another attempt, or by somebody else."""


class ProviderError(JourneymanError):
    """A provider did not say that it accepted the message."""


class NeverSent(ProviderError):
    """The call failed before a byte of it left: name resolution or connection refused."""


class TryLater(ProviderError):
    """The provider is over its rate and took nothing."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Refused(ProviderError):
    """The provider refused this message for good."""


class AddressGone(Refused):
    """The address no longer exists: an unregistered push token, an installation that was removed."""


class InDoubt(ProviderError):
    """The call broke after it may have been received."""


class RepeatLater(InDoubt):
    """The call broke after it may have been received, by somebody who acts on it once however often it comes."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after
