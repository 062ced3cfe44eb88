"""What hostile requests are put together from: paths, headers, keys and ids that nobody should ever send."""

from __future__ import annotations

WRITERS = (
    "/v1/track", "/v1/t", "/v1/identify", "/v1/i", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/a", "/v1/batch",
    "/v1/b", "/v1/import", "/v1/events", "/v1/tealium", "/v1/tags",
)  # fmt: skip
"""Doors for events that ask for a key."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PROPFIND")
PATHS = (
    "/", "/outbox", "/outbox?channel={canary}&user=%0A", "/v1", "/v1/", "/v1/track/", "//v1/track", "/v1//track", "/v1/track%0A",
    "/v1/./track", "/v1/../v1/track", "/v1/%74rack", "/V1/TRACK", "/v1/track;a=b", "/v1/track?writeKey={canary}", "/v1/track%00",
    "/js/journeyman.js", "/js/../../../etc/passwd", "/js/%2e%2e/app.py", "/unsubscribe/{canary}", "/unsubscribe/", "/preferences/x%0A",
    "/preferences/%ff%fe", "/unsubscribe/" + "A" * 3000, "/docs", "/.env", "/.git/config", "/metrics/../health", "/health/", "*",
    "http://other.example/v1/track", "/v1/inbox/seen/read", "/v1/inbox//token", "/v1/inbox/stream/token", "/?" + "a=b&" * 2000,
    "/v1/inbox?token={canary}", "/v1/webhooks/", "/openapi.json?x", "/v1/people/", "/v1/people/{canary}/journeys",
)  # fmt: skip
PATH_IDS = (
    "u", "a%2Fb", "..", ".", "%2e%2e%2f%2e%2e%2fetc", "%F0%9F%A6%94", "%ff", "%ED%A0%80", "%", "%zz", "u%40shop.example", "token",
    "x/token", "x/read", "seen", "-1", "%20", "%27%3B--", "u%0A", "%00", "%C2%A0", "%E2%80%AE", "%E2%80%A8", "x" * 200, "x" * 201,
)  # fmt: skip
BAD_IDS: tuple[tuple[str, str], ...] = (
    ("u\n", "u%0A"), ("\nu", "%0Au"), ("a\nb", "a%0Ab"), ("a\r\nSet-Cookie: b", "a%0D%0ASet-Cookie:b"), ("\0", "%00"), ("a\tb", "a%09b"),
    ("\x1b[2J", "%1B[2J"), ("a\x7f", "a%7F"), ("\x85", "%C2%85"), ("a\u2028b", "a%E2%80%A8b"), ("\u202eu", "%E2%80%AEu"),
    ("\ufeffu", "%EF%BB%BFu"), ("\ud800", "%00%ED%A0%80"), ("a\udfff", "%00%ED%BF%BF"), ("x" * 201, "x" * 201),
    ("𝕏" * 201, "%F0%9D%95%8F" * 201), ("x" * 60_000, "x" * 60_000),
)  # fmt: skip
"""No id, as JSON has it and as a path has it."""
HEADERS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("Content-Type", (b"", b"text/xml", b"application/json; charset=utf-16", b"multipart/form-data; boundary=", b"\xff", b"a" * 9000)),
    ("Content-Encoding", (b"gzip", b"br", b"gzip, gzip", b"identity", b"\xff\xfe")),
    ("Accept", (b"", b"text/event-stream", b"\xc3\xa9")),
    ("Accept-Language", (b"de", b"x" * 5000, b"de;q=nan", b"*;q=-1,,,;;;", b"\xff", b"," * 3000)),
    ("Accept-Encoding", (b"gzip;q=0", b"*")),
    ("Cookie", (b"a=b; " * 500,)),
    ("Expect", (b"100-continue", b"200-ok")),
    ("Forwarded", (b"for=unknown",)),
    ("If-None-Match", (b"*", b'"' * 99)),
    ("Last-Event-ID", (b"", b"x" * 5000, b"\xff", b"'; --")),
    ("Origin", (b"null", b"https://evil.example", b"http://[", b"", b"x" * 5000, b"http://127.0.0.1:1@evil.example")),
    ("Access-Control-Request-Method", (b"POST", b"DELETE", b"\xff")),
    ("Access-Control-Request-Headers", (b"authorization", b"x" * 5000)),
    ("Referer", (b"http://[::1", b"\xff" * 99)),
    ("Traceparent", (b"00-0-0-0", b"\xff", b"x" * 5000, b"00-" + b"f" * 32 + b"-" + b"f" * 16 + b"-01")),
    ("User-Agent", (b"", b"\xff", b"(" * 9000, b"Mozilla/5.0 " + b"a/" * 4000)),
    ("Sec-CH-UA-Platform", (b'"', b'"Android', b"\xff")),
    ("X-Forwarded-For", (b"203.0.113.9", b"::1", b"1.2.3.4, x, 127.0.0.1", b"unknown", b"999.1.1.1", b"\xff", b",", b"1," * 4000)),
    ("X-Forwarded-Proto", (b"https", b"javascript", b"\xff")),
    ("X-Signature", (b"\xff", b"")),
    ("ce-specversion", (b"1.0", b"9", b"%ff", b'"')),
    ("ce-id", (b"%0A", b'"\\', b"%C3%28", b"x" * 5000)),
    ("ce-type", (b"x", b"com.example.order_completed.v99999", b"." * 5000)),
    ("Host", (b"", b"[", b"a b", b"evil.example", b"\xff")),
    ("Upgrade", (b"websocket", b"h2c")),
)  # fmt: skip
AUTHORIZATIONS = (
    b"", b"Bearer", b"Bearer ", b"Basic", b"Basic %%%", b"Basic //8=", b"Basic Og==", b"Bearer \xff\xfe", b"bearer x" + b"y" * 9000,
    b"Digest username=wk", b"Bearer wkx", b"Bearer w", b"Bearer WK", b"wk", b"Token wk", b"Basic " + b"A" * 9000, b"Bearer wk,wk",
)  # fmt: skip
LARGE_HEADS: tuple[tuple[tuple[str, bytes], ...], ...] = (
    (("X-Long", b"a" * 100_000),),
    (("Authorization", b"Bearer " + b"a" * 100_000),),
    tuple((f"X-{number}", b"b" * 40) for number in range(2500)),
    tuple(("Cookie", b"c=d") for _ in range(12_000)),
    (("X" * 100_000, b""),),
)
_HEAD = b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer wk\r\n"
NO_HTTP = (
    b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET /health\r\n\r\n", b"GET /health HTTP/0.9\r\n\r\n", b"GET /health HTTP/9.9\r\n\r\n",
    b"GET  /health  HTTP/1.1\r\n\r\n", b"BREW /pot HTTP/1.1\r\nHost: {host}\r\n\r\n", b"get /health HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /v1/people/{canary}\nb HTTP/1.1\r\n\r\n", b"GET /\x00{canary} HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"{canary}", b"\x00" * 64, b"\xff" * 4096,
    b"SSH-2.0-OpenSSH_9.9\r\n", b"*1\r\n$4\r\nPING\r\n", b"GET /health HTTP/1.1\r\nHost {host}\r\n\r\n",
    b"GET /health HTTP/1.1\r\n: x\r\n\r\n", b"GET /health HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nX: \x00{canary}\r\n\r\n",
    b"GET /health HTTP/1.1\r\nX:{canary}\rY: z\r\n\r\n",
    _HEAD + b"Content-Length: -1\r\n\r\n", _HEAD + b"Content-Length: 1e3\r\n\r\n", _HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    _HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    _HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{canary}", _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n{",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{canary}", _HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    _HEAD + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}", _HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    _HEAD + b"Content-Length: 600000000\r\nExpect: 100-continue\r\n\r\n",
)  # fmt: skip
"""What is no request, or two at once."""
