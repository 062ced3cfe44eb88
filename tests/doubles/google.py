"""A Google on the loopback, behind a proxy: real TLS, real sign-in of service accounts, and whatever hosts a test adds."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.doubles.listening import Listening, Request

TOKEN_URI = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True)
class Reply:
    """What is answered; None in its place cuts the connection."""

    status: int
    body: Any
    headers: Mapping[str, str]
    more: AsyncIterator[bytes] | None = None
    """Bytes that follow, whenever they come."""

    def written(self) -> bytes:
        """As it goes out."""
        text = (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()
        known = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(text))}
        head = "".join(f"{name}: {value}\r\n" for name, value in (known | dict(self.headers)).items())
        return f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n{head}\r\n".encode("latin-1") + text


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@cache
def _key() -> rsa.RSAPrivateKey:
    return new_key()


def new_key() -> rsa.RSAPrivateKey:
    """A service account's key; one that Google does not know until it is told."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """As it stands in a key file."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


Host = Callable[[Request], Awaitable[Reply | None]]


def reply(status: int, body: Any, **headers: str) -> Reply:
    """An answer; `retry_after=` becomes the header Retry-After."""
    return Reply(status, body, {name.replace("_", "-").title(): value for name, value in headers.items()})


class Google(Listening):
    """`async with Google() as google:` is the proxy at `google.port` and all hosts behind it, in one.

    A client that has `environment()` as its own and `key_file()` as its credentials talks to it as to the real one.
    """

    def __init__(self, project: str = "shop-double") -> None:
        Listening.__init__(self)
        self.project = project
        self.email = f"sender@{project}.iam.gserviceaccount.com"
        self.hosts: dict[str, Host] = {"oauth2.googleapis.com": self._sign_in}
        self.sign_ins: list[dict[str, Any]] = []
        """What each accepted assertion claimed."""
        self.sign_in_status = 200
        """Anything else is answered instead of a token; 0 hangs."""
        self.strangers: list[str] = []
        """Hosts that somebody asked for and that are not here."""
        self.tokens: set[str] = set()
        self._authority, self._key = _authority(), _key()

    def key_file(self, folder: Path, **changes: str) -> Path:
        """Write the service account's key file and return where it is; `changes` are fields."""
        fields = {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": "key-1",
            "private_key": pem(self._key),
            "client_email": self.email,
            "token_uri": TOKEN_URI,
        }
        path = folder / "service-account.json"
        path.write_text(json.dumps(fields | changes))
        return path

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables with which a client finds it and trusts it; an empty one is to be unset."""
        bundle = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(bundle))
        proxy = f"http://127.0.0.1:{self.port}"
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "REQUESTS_CA_BUNDLE": str(bundle),
            "SSL_CERT_FILE": str(bundle),
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def cut(self, writer: asyncio.StreamWriter) -> None:
        """At once; a proper close would wait for the client to take leave."""
        writer.transport.abort()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let a client through to the host it names (RFC 9110, CONNECT), and be that host."""
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split(" ", 2)
        name = target.removesuffix(":443")
        if method != "CONNECT" or name not in self.hosts:
            self.strangers.append(target)
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.start_tls(self._certificate(name))
        while not self.closing.is_set():
            answer = await self.hosts[name](await Request.read(reader))
            if answer is None or self.closing.is_set():
                return
            writer.write(answer.written())
            await writer.drain()
            async for piece in answer.more or _nothing():
                writer.write(piece)
                await writer.drain()

    def _certificate(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context

    async def _sign_in(self, request: Request) -> Reply | None:
        """An access token for an assertion that is right in every point (RFC 7523), as Google gives it."""
        if self.sign_in_status == 0:
            await self.closing.wait()
            return None
        if self.sign_in_status != 200:
            return reply(self.sign_in_status, {"error": "server_error"})
        form = parse_qs(request.body.decode())
        if (request.method, request.path, form.get("grant_type")) != ("POST", "/token", [GRANT]):
            return reply(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
        try:
            claims = jwt.decode(
                form["assertion"][0],
                self._key.public_key(),
                algorithms=["RS256"],
                audience=TOKEN_URI,
                issuer=self.email,
                options={"require": ["iss", "aud", "iat", "exp", "scope"]},
            )
        except (jwt.InvalidTokenError, LookupError):
            return reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if claims["exp"] - claims["iat"] > 3600 or claims["exp"] <= time.time():
            return reply(400, {"error": "invalid_grant", "error_description": "Token must be a short-lived token."})
        self.sign_ins.append(claims)
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.tokens.add(token)
        return reply(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
