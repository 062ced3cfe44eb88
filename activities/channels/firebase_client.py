"""How Firebase's client library is made to call once, in time.

Left alone it sends a message up to five times: after a 500, a 503, a connection that broke or an answer that did not
come it tries again by itself, and where a 429 or 503 brings Retry-After it sleeps for as long as that says and calls
then, whatever has become of the person's consent meanwhile. Here each call is made once; the caller decides about
another.
"""

from __future__ import annotations

import itertools
import logging
import ssl
import threading
import time
from typing import Any

import firebase_admin
import requests
from firebase_admin import messaging
from firebase_admin.exceptions import FirebaseError
from google.auth import credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import service_account
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from errors import InDoubt, NeverSent, ProviderError, Refused, SettingsError
from messages import RenderedCard

from .bounded import Answer, Call
from .envelope import Envelope
from .firebase_answers import refusal, unsigned
from .firebase_message import message_of

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

# At DEBUG it logs the signed assertion, which is as good as a password for an hour. A filter, because a level set here
# would be undone by the next logging.config.
logging.getLogger("google.auth.transport.requests").addFilter(lambda record: False)

_numbers = itertools.count(1)
_of_thread = threading.local()


class FirebaseClient:
    """One service account's way to Firebase, for several threads."""

    def __init__(self, account: dict[str, str], *, icon: str, threads: int, call_timeout: float) -> None:
        try:
            signed = service_account.Credentials.from_service_account_info(account, scopes=[SCOPE])
        except Exception:
            # The library's own words may quote the file.
            raise SettingsError(
                "FIREBASE_CREDENTIALS: the private key in the file cannot be used; make another"
            ) from None
        self._icon = icon
        self._call_timeout = call_timeout
        self._credential = Credential(signed)
        self._signing_in = threading.Lock()
        self._sign_in = requests.Session()
        self._session = OneCall(self._credential, self._sign_in, threads)
        name, options = f"journeyman-{next(_numbers)}", {"projectId": account["project_id"]}
        self._app = firebase_admin.initialize_app(self._credential, options, name)
        # There is no public way to switch the retries off; the tests count the calls that arrive.
        messaging._get_messaging_service(self._app)._client._session = self._session

    def post(self, envelope: Envelope, card: RenderedCard, call: Call) -> str | ProviderError:
        """One call, in a thread; errors are returned."""
        patience = call.deadline - self._call_timeout / 2
        try:
            self._sign_in_until(patience)
        except GoogleAuthError as error:
            return unsigned(error)
        except Exception as error:
            return NeverSent(f"Signing in to Google failed: {type(error).__name__}")
        # With too little time left even a healthy call would end in doubt, which is worse than later.
        if time.monotonic() >= patience:
            return NeverSent("Firebase was not called: every thread was busy, or signing in to Google took too long")
        _of_thread.call = call
        try:
            return str(messaging.send(message_of(envelope, card, self._icon, time.time()), app=self._app))
        except FirebaseError as error:
            if error.http_response is None:
                return self._broken(error.cause or error, call)
            if error.http_response.status_code == 401:
                self._credential.forget()
            return refusal(error.http_response)
        except Exception as error:
            if isinstance(error, ValueError) and not call.has_begun:
                return Refused("The message does not fit into Firebase's form: look at its template")
            return self._broken(error, call)

    def close(self) -> None:
        """Let go of the connections; no call may be running."""
        firebase_admin.delete_app(self._app)
        self._session.close()  # type: ignore[no-untyped-call]
        self._sign_in.close()

    def _sign_in_until(self, patience: float) -> None:
        """See to a valid access token before the message is on its way, so that trouble here is never a doubt."""
        if not self._signing_in.acquire(timeout=max(patience - time.monotonic(), 0)):
            return
        try:
            if not self._credential.valid and (left := patience - time.monotonic()) > 0:
                request = Request(self._sign_in)
                self._credential.refresh(lambda *args, **more: request(*args, **(more | {"timeout": left})))
        finally:
            self._signing_in.release()

    def _broken(self, error: BaseException, call: Call) -> ProviderError:
        if call.has_begun:
            return InDoubt(f"The call to Firebase broke: {type(error).__name__}")
        hint = "; behind a proxy, set REQUESTS_CA_BUNDLE" if isinstance(error, requests.exceptions.SSLError) else ""
        return NeverSent(f"Firebase was not reached: {type(error).__name__}{hint}")


class Credential(credentials.Credentials):
    """A service account that only signs in.

    Used directly, it would also ask another of Google's services, in threads of its own, where it may be used.
    """

    def __init__(self, signed: service_account.Credentials) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._signed = signed

    def refresh(self, request: Any) -> None:
        """Get an access token for an hour."""
        self._signed.refresh(request)
        self.token, self.expiry = self._signed.token, self._signed.expiry

    def forget(self) -> None:
        """Sign in anew before the next call."""
        self.token = None


class OneCall(AuthorizedSession):
    """Requests that are made once, and are over when their thread's call must be."""

    def __init__(self, credential: Credential, sign_in: requests.Session, threads: int) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            credential, max_refresh_attempts=0, auth_request=Request(sign_in)
        )
        self.mount("https://", OneTry(pool_maxsize=threads, max_retries=0))

    def request(self, *args: Any, **more: Any) -> Any:
        """As requests has it, but for the timeout; and a redirection could lead a message elsewhere."""
        once = more | {"timeout": _of_thread.call.left(), "allow_redirects": False}
        return super().request(*args, **once)  # type: ignore[no-untyped-call]


class Connection(HTTPSConnection):
    """A connection over which nothing leaves after the call's deadline, or once it was called off, and nothing trickles in."""

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        # What goes out before the encryption asks a proxy for the way, and is not yet the message.
        if isinstance(self.sock, ssl.SSLSocket):
            _of_thread.call.begin()
        super().send(data)

    def response_class(self, *args: Any, **more: Any) -> Answer:  # type: ignore[override]
        return Answer(_of_thread.call, *args, **more)


class Pool(HTTPSConnectionPool):
    ConnectionCls = Connection


class OneTry(HTTPAdapter):
    """Makes such connections, directly and through a proxy."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"https": Pool}

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = {"https": Pool}
        return manager
