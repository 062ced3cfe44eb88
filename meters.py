"""What is counted and timed while it happens, under the names by which Prometheus knows it."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

EVENTS = Counter("journeyman_events", "Events taken: new ones, and those that were known already.", ["outcome"])
REFUSED = Counter("journeyman_refused", "Events and requests that were not taken, and why.", ["reason"])
CLOCKS = Counter(
    "journeyman_clocks",
    "Times that were not believed (future), and journeys not started because their event came too late (late).",
    ["rule"],
)
ACCEPT = Histogram(
    "journeyman_accept_seconds",
    "From a request that was read to its answer: checked, stored, committed.",
    buckets=SECONDS,
)
ROUTED = Counter("journeyman_events_routed", "Events whose consequences Temporal has acknowledged.")
ROUTING_FAILED = Counter("journeyman_routing_failures", "Times that a person's events had to wait.", ["reason"])
SENDS = Counter("journeyman_sends", "Answers to a journey that wanted to send.", ["journey", "channel", "outcome"])
PROVIDER_CALL = Histogram(
    "journeyman_provider_call_seconds", "How long a call to a provider took.", ["provider"], buckets=SECONDS
)
EVENT_TO_PROVIDER = Histogram(
    "journeyman_event_to_provider_seconds",
    "From an event's arrival to the provider being called, where nothing had to be waited for.",
    ["journey"],
    buckets=SECONDS,
)
