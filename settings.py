"""The only reader of the environment: which ports, paths, addresses and credentials are in force."""

from __future__ import annotations

import re
import secrets
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.caps import read_caps
from activities.channels.endpoints import Endpoint, read_endpoints
from activities.policy import Policy, QuietHours
from activities.rates import read_rates
from activities.rendering import Shop
from errors import SettingsError
from ingestion.brokers.consumer import Broker
from ingestion.brokers.kafka import Kafka, KafkaAccess
from ingestion.brokers.rabbitmq import RabbitMQ
from ingestion.origins import Origins, read_origins
from ingestion.signature import WebhookKey
from messages import Channel
from profiles.dates import Every, read_dates

ROOT = Path(__file__).parent
TOPIC = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Settings(BaseSettings):
    """Each field is read from JOURNEYMAN_<NAME>, or from a file `.env`; credentials also by their providers' own names."""

    model_config = SettingsConfigDict(env_prefix="JOURNEYMAN_", env_file=".env", extra="ignore")

    data_dir: Path = Path(".data")
    """Where the embedded stack keeps its databases and its generated keys."""
    database: str = ""
    """SQLAlchemy URL; a SQLite file in `data_dir` if empty."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    temporal_port: Annotated[int, Field(ge=1, le=65535)] = 7233
    ui_port: Annotated[int, Field(ge=1, le=65535)] = 8233
    task_queue: str = "journeys"
    metrics: str = ""
    """Where a process without a front door, such as a worker, tells Prometheus what it counts, as 0.0.0.0:9464."""
    temporal_metrics: str = ""
    """Where the Temporal SDK of a process tells its own, as 0.0.0.0:9465."""
    collector: str = Field("", validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT"))
    """Where traces are sent, over OTLP/HTTP, as http://localhost:4318."""
    public_url: str = ""
    """The address of the front door as people reach it, for links in messages."""
    cors: str = ""
    """Origins whose pages may send events from a browser, as "https://shop.example.com, https://*.example.com"; * for all."""
    write_keys: str = ""
    """Keys that tracking clients present, separated by commas; one is generated in `data_dir` if there is none."""
    page_keys: str = ""
    """Keys that stand in web pages and only give events; one is generated where the write key is."""
    streams: Annotated[int, Field(ge=0)] = 500
    """How many browsers each front door tells of in-app messages at the same time, over connections that stay open."""
    lateness_days: Annotated[float, Field(ge=0, le=36500)] = 3
    """How many days after the fact an event may arrive and still start a journey."""
    waiting_events: Annotated[int, Field(ge=1)] = 5000
    """Events that may wait for a commit in each front door; beyond that it answers 429."""
    waiting_mb: Annotated[int, Field(ge=1)] = 16
    """Megabytes that the bodies of these may have."""
    secret: SecretStr = SecretStr("")
    """Keys what must not be guessed: hashed user ids, unsubscribe links, tokens. Generated in `data_dir` if empty."""
    segment_secret: SecretStr = SecretStr("")
    """The shared secret of Segment's webhook destination, by which we know that it is Segment that tells us something."""
    default_zone: str = "UTC"
    quiet_hours: str = "22:00-08:00"
    """When messages rest, on the person's own clock; empty for never."""
    caps: str = "5 a week rolling"
    """Most marketing messages to one person, as "3 a week rolling; newsletter: 1 a calendar day"; empty for no cap."""
    rates: str = ""
    """Messages a second by channel, over all workers together, as "email=100, push=500"; no limit for the others."""
    date_traits: str = "trial_ends_at, renews_at"
    """Traits whose dates journeys may see and wait for, separated by commas; of `birthday=yearly` only the day, not the year."""
    profile_traits: str = ""
    """Other traits that journeys may see, separated by commas; they enter Temporal."""
    holdout: Annotated[float, Field(ge=0, le=50)] = 0
    """Percent of people whom no journey takes in that does not say otherwise, to compare with."""
    opt_in: str = ""
    """Topics that nobody gets who has not asked for them, separated by commas."""
    geoip_db: Path | None = Field(None, validation_alias=AliasChoices("GEOIP_DB", "JOURNEYMAN_GEOIP_DB"))
    stores: Path = ROOT / "context" / "data" / "stores.csv"
    sendgrid_api_key: SecretStr = Field(SecretStr(""), validation_alias=AliasChoices("SENDGRID_API_KEY"))
    sendgrid_url: str = "https://api.sendgrid.com"
    sendgrid_webhook_key: str = Field("", validation_alias=AliasChoices("SENDGRID_WEBHOOK_KEY"))
    """The Verification Key of SendGrid's Event Webhook, by which we know that it is SendGrid that tells us something."""
    firebase_credentials: str = Field("", validation_alias=AliasChoices("FIREBASE_CREDENTIALS"))
    """Path of a service account's key file, as the Firebase console gives it."""
    push_icon: str = ""
    """Address of the picture that browsers show beside a push; https."""
    webhooks: SecretStr = SecretStr("")
    """Programs that journeys may call, as "crm=https://crm.example.com/hooks;ads=https://…"; an address may hold a token."""
    webhook_secret: SecretStr = SecretStr("")
    """Signs these calls: whsec_ and at least 24 bytes in base64; or one for each, as "crm=whsec_…;ads=whsec_…"."""
    rabbitmq: SecretStr = SecretStr("")
    """Events are taken from RabbitMQ too, as amqp://user:password@host/vhost, or amqps://."""
    rabbitmq_queue: str = "journeyman.events"
    """The queue they are taken from; what cannot be taken goes to <queue>.dead-letter."""
    kafka: str = ""
    """Events are taken from Kafka too: host:port of brokers, separated by commas."""
    kafka_topic: str = "journeyman.events"
    """The topic they are taken from; what cannot be taken goes to <topic>.dead-letter."""
    kafka_group: str = "journeyman"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    kafka_ssl_cafile: Path | None = None
    """Certificates by which the brokers are believed; those of the system if empty."""
    sender: str = "hello@example.com"
    sender_name: str = "Northwind Outfitters"
    reply_to: str = ""
    shop_name: str = "Northwind Outfitters"
    shop_url: str = "https://shop.example.com"
    postal_address: str = "Example Street 1, 10115 Berlin, Germany"

    @classmethod
    def read(cls) -> Settings:
        """The settings in force; SettingsError names the variable that is wrong."""
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = str(first["loc"][0]).upper()
            raise SettingsError(
                f"{name if '_' in name and name.startswith(('SEND', 'GEO', 'FIRE')) else 'JOURNEYMAN_' + name}: {first['msg']}."
            ) from None
        settings.policy  # noqa: B018  a wrong window is reported before anything starts
        settings.channel_rates  # noqa: B018  and so is a rate that is none
        settings.endpoints  # noqa: B018  and so is an address that no webhook may call
        settings.webhook_key  # noqa: B018  and a key that is none
        settings.brokers  # noqa: B018  and a broker that cannot be one
        settings.origins  # noqa: B018  and an origin that is none
        if settings.default_zone not in available_timezones():
            raise SettingsError("JOURNEYMAN_DEFAULT_ZONE: expected an IANA name such as Europe/Berlin.")
        return settings

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir.resolve() / 'journeyman.db'}"

    @property
    def front_door(self) -> str:
        """The address of the front door, as links name it."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def origins(self) -> Origins:
        """Whose pages may speak to the front door."""
        return read_origins(self.cors, self.front_door)

    @property
    def lateness(self) -> timedelta:
        """How long after the fact an event may arrive and still start a journey."""
        return timedelta(days=self.lateness_days)

    @property
    def geoip_path(self) -> Path:
        """The city database; a tiny one on documentation addresses where none is set."""
        return self.geoip_db or ROOT / "context" / "data" / "demo-city.mmdb"

    @property
    def shop(self) -> Shop:
        return Shop(self.shop_name, self.shop_url, self.postal_address, self.reply_to or self.sender)

    @property
    def webhook_key(self) -> WebhookKey | None:
        """What SendGrid's webhooks are checked with; None where they are not received."""
        return WebhookKey(self.sendgrid_webhook_key) if self.sendgrid_webhook_key.strip() else None

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The programs that journeys may call, by name."""
        return read_endpoints(self.webhooks.get_secret_value(), self.webhook_secret.get_secret_value())

    @property
    def brokers(self) -> list[Broker]:
        """Where events come from besides HTTP."""
        found: list[Broker] = []
        if url := self.rabbitmq.get_secret_value():
            found.append(RabbitMQ(url, self.rabbitmq_queue))
        if self.kafka:
            access = KafkaAccess(
                self.kafka_security_protocol,
                self.kafka_sasl_mechanism,
                self.kafka_sasl_username,
                self.kafka_sasl_password.get_secret_value(),
                self.kafka_ssl_cafile,
            )
            found.append(Kafka(self.kafka, self.kafka_topic, self.kafka_group, access))
        return found

    @property
    def policy(self) -> Policy:
        return Policy(
            quiet_hours=_window(self.quiet_hours),
            caps=read_caps(self.caps),
            default_zone=self.default_zone,
            dates=self.dates(),
            traits=frozenset(_split(self.profile_traits)),
            opt_in=_topics(self.opt_in),
        )

    @property
    def channel_rates(self) -> dict[Channel, float]:
        """Messages a second, for channels that have a limit."""
        return read_rates(self.rates)

    def home(self) -> Path:
        """`data_dir`, made if it is not there; SettingsError where that cannot be."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"JOURNEYMAN_DATA_DIR: {self.data_dir} cannot be made ({error.strerror}); set it to a directory you may write."
            ) from None
        return self.data_dir

    def keys(self) -> frozenset[str]:
        """The write keys that are let in."""
        return frozenset(_split(self.write_keys)) or frozenset([self._kept("write-key")])

    def keys_of_pages(self) -> frozenset[str]:
        """The keys with which a page may send events and do nothing else; none where only write keys are set."""
        generated = [] if self.write_keys else [self._kept("page-key")]
        return frozenset(_split(self.page_keys) or generated)

    def dates(self) -> dict[str, Every]:
        """Traits whose dates journeys may see, and how much of each."""
        return read_dates(self.date_traits)

    def secret_key(self) -> str:
        """The secret, generated at its first use where none is set."""
        return self.secret.get_secret_value() or self._kept("secret")

    def _kept(self, name: str) -> str:
        """A generated key, the same for every process that shares `data_dir`."""
        path = self.home() / name
        fresh = path.with_name(f"{name}.{secrets.token_hex(8)}")
        try:
            if not path.exists():
                fresh.touch(mode=0o600)
                fresh.write_text(secrets.token_urlsafe(24))
                # Whole or not at all: a process that starts at the same time must never read half a key.
                path.hardlink_to(fresh)
        except FileExistsError:
            pass
        except OSError as error:
            raise SettingsError(f"JOURNEYMAN_DATA_DIR: {self.data_dir} cannot be written ({error.strerror}).") from None
        finally:
            fresh.unlink(missing_ok=True)
        return path.read_text()


def _window(text: str) -> QuietHours | None:
    if not text.strip():
        return None
    try:
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        raise SettingsError("JOURNEYMAN_QUIET_HOURS: expected two times such as 22:00-08:00, or nothing.") from None
    return QuietHours(start, end)


def _topics(text: str) -> frozenset[str]:
    for topic in (topics := _split(text)):
        if not TOPIC.fullmatch(topic):
            raise SettingsError(
                f"JOURNEYMAN_OPT_IN: {topic!r} is no topic; write those of your templates, as in newsletter, sms_deals."
            )
    return frozenset(topics)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
