"""What the front door takes and answers, as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .openapi_schemas import SCHEMAS

Json = dict[str, Any]
PATH = "/openapi.json"
SEGMENT = {
    "track": "Something happened.",
    "identify": "Who somebody is.",
    "page": "A page was seen.",
    "screen": "A screen of an app was seen.",
    "group": "Somebody belongs to a group.",
    "alias": "Two ids are one person.",
    "batch": "Several of these, in order.",
}
PROBLEMS = {
    400: "The request cannot be read, or an event in it is wrong; the text names the field.",
    401: "The key is missing or wrong.",
    403: "The key opens other doors, or the signature does not fit.",
    404: "There is no such thing, or this door is not set up; the text says how to.",
    405: "This door is not for that method.",
    408: "The body took too long.",
    409: "The message id is known with another body.",
    413: "The body or an event is too large.",
    429: "Too much waits to be stored; come again after Retry-After.",
    501: "This front door keeps no connection open.",
    503: "Nothing was stored; come again after Retry-After.",
}


def openapi_route() -> Route:
    """`GET /openapi.json`."""
    document = openapi()

    async def door(_: Request) -> Response:
        return JSONResponse(document)

    return Route(PATH, door, methods=["GET"])


def openapi() -> Json:
    """The document. Short paths such as /v1/t, which some clients use, do as their long forms and are left out."""
    paths = {
        f"/v1/{kind}": {"post": _events(told, "Batch" if kind == "batch" else "Message")}
        for kind, told in SEGMENT.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Journeyman", "version": "1", "description": "Events in, people and in-app messages out."},
        "paths": {**paths, **_vendors(), **_people(), **_operation()},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key, as `starter.py keys add` prints it.",
                },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The key as user name; the password is not looked at.",
                },
                "person": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "One person's token for their in-app messages.",
                },
            },
        },
    }


def _vendors() -> Json:
    cloud = _events("CloudEvents 1.0, structured; in batches and binary mode too.", "CloudEvent")
    cloud["requestBody"]["content"] = {"application/cloudevents+json": {"schema": _ref("CloudEvent")}}
    return {
        "/v1/events": {"post": cloud},
        "/v1/tealium": {"post": _events("Tealium's EventStream and webhook connector.", "Anything")},
        "/v1/tags": {"post": _events("The event data of a tag manager's server container.", "Anything")},
        "/v1/segment": {"post": _signed(_events("Segment's webhook destination, signed.", "Message"), "x-signature")},
        "/v1/webhooks/sendgrid": {
            "post": _signed(
                _events("SendGrid's Event Webhook, signed.", "Reports"),
                "X-Twilio-Email-Event-Webhook-Signature",
                "X-Twilio-Email-Event-Webhook-Timestamp",
            )
        },
    }


def _people() -> Json:
    user, ids = [_parameter("user_id", "path", "The user id.")], _body("Ids")
    return {
        "/v1/people/{user_id}": {"get": _asked("Who somebody is.", "Person", user, 400, 401, 403, 404, 503)},
        "/v1/inbox/{user_id}": {"get": _asked("Somebody's in-app messages.", "Inbox", user, 400, 401, 403, 404, 503)},
        "/v1/inbox/{user_id}/read": {"post": _asked("Some of them were read.", "Answer", user, *_WRITING) | ids},
        "/v1/inbox/{user_id}/token": {
            "post": _asked("A token for their browser.", "Token", user, *_WRITING) | _body("Lifetime")
        },
        "/v1/inbox": {"get": _own(_asked("One's own in-app messages.", "Inbox", [], 400, 401, 403, 503))},
        "/v1/inbox/seen": {"post": _own(_asked("Some of them were seen.", "Answer", [], *_WRITING)) | ids},
        "/v1/inbox/clicked": {"post": _own(_asked("Some of them were clicked.", "Answer", [], *_WRITING)) | ids},
        "/v1/inbox/stream": {
            "get": _own(
                {
                    "summary": "One's own in-app messages as they come: server-sent events.",
                    "parameters": [_parameter("token", "query", "The token, for EventSource.", required=False)],
                    "responses": {
                        "200": {
                            "description": "It stays open.",
                            "content": {"text/event-stream": {"schema": {"type": "string"}}},
                        },
                        **_problems(400, 401, 403, 501, 503),
                    },
                }
            )
        },
    }


_WRITING = (400, 401, 403, 404, 408, 413, 429, 503)


def _operation() -> Json:
    figures = {
        "200": {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }
    return {
        "/health": {"get": _asked("Whether every part lives.", "Health", [], 503) | {"security": []}},
        "/report/{table}.csv": {"get": _table()},
        "/metrics": {
            "get": {
                "summary": "Figures for Prometheus.",
                "responses": {**figures, **_problems(401, 403, 503)},
                **_keyed(),
            }
        },
    }


def _table() -> Json:
    asked = {"from": "The first day.", "to": "The last day.", "window": "For how many days each person is watched."}
    return {
        "summary": "One table of the report on what journeys achieved.",
        "parameters": [
            _parameter("table", "path", "Its name, such as lift."),
            *(_parameter(name, "query", told, required=False) for name, told in asked.items()),
        ],
        "responses": {
            "200": {"description": "Its rows.", "content": {"text/csv": {"schema": {"type": "string"}}}},
            **_problems(400, 401, 403, 404, 503),
        },
        **_keyed(),
    }


def _events(told: str, schema: str) -> Json:
    return {
        "summary": told,
        **_body(schema),
        "responses": _answers("Answer", 400, 401, 403, 404, 408, 409, 413, 429, 503),
        **_keyed(),
    }


def _asked(told: str, schema: str, parameters: list[Json], *problems: int) -> Json:
    return {"summary": told, "parameters": parameters, "responses": _answers(schema, *problems), **_keyed()}


def _keyed() -> Json:
    return {"security": [{"key": []}, {"basic": []}]}


def _own(operation: Json) -> Json:
    return operation | {"security": [{"person": []}]}


def _signed(operation: Json, *headers: str) -> Json:
    parameters = [_parameter(name, "header", "What the sender signs with.", required=False) for name in headers]
    return operation | {"parameters": parameters, "security": []}


def _body(schema: str) -> Json:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _ref(schema)}}}}


def _answers(schema: str, *problems: int) -> Json:
    done = {"description": "Done; events are committed.", "content": {"application/json": {"schema": _ref(schema)}}}
    return {"200": done, **_problems(*problems)}


def _problems(*statuses: int) -> Json:
    return {
        str(status): {"description": PROBLEMS[status], "content": {"application/json": {"schema": _ref("Problem")}}}
        for status in statuses
    }


def _parameter(name: str, place: str, told: str, *, required: bool = True) -> Json:
    shape = {"type": "string", "minLength": 1, "maxLength": 200}
    return {"name": name, "in": place, "required": required, "description": told, "schema": shape}


def _ref(schema: str) -> Mapping[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
