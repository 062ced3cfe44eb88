"""Every fact that a journey may name.

A class lists exactly the fields that may enter Temporal. Whatever else a client sent stays in our own database,
where templates can read it. Names follow the Segment ecommerce and video specs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

E = TypeVar("E", bound="Event", covariant=True)

Text = Annotated[str, Field(max_length=500)]
Link = Annotated[str, Field(max_length=1000)]
Key = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value), Field(max_length=200)
]
"""A key is compared as a string: 123 and "123" are the same cart."""
Amount = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=18)]


Currency = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{3}$")]


class Fact(BaseModel):
    """A frozen value; unknown fields are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Device(Fact):
    """On what the person is."""

    kind: Literal["mobile", "tablet", "desktop", "tv", "console", "bot", "unknown"] = "unknown"
    platform: Literal["web", "app", "server"] = "web"
    os: str | None = None
    browser: str | None = None

    @property
    def is_mobile(self) -> bool:
        return self.kind in ("mobile", "tablet")


class StoreDistance(Fact):
    """How far a store is; both in kilometres. `accuracy` is the radius within which the person really is."""

    store: str
    distance: float
    accuracy: float


class Location(Fact):
    """Where the person is, as far as it may be known: never an address, never a coordinate."""

    country: str | None = None
    region: str | None = None
    zone: str | None = None
    """IANA name of the time zone that was believed."""
    zone_source: Literal["profile", "event", "geoip", "country", "default"] | None = None
    stores: tuple[StoreDistance, ...] = ()


class Context(Fact):
    """The circumstances of one event."""

    device: Device = Device()
    location: Location = Location()
    referrer: str | None = None
    """Host name of the page the person came from."""


@dataclass(frozen=True)
class Quiet(Generic[E]):
    """Something happened, and then it was quiet for `duration`."""

    kind: type[E]
    duration: timedelta


class Event(Fact):
    """Something that happened to one person at one moment."""

    event_name: ClassVar[str] = ""
    """The name on the wire; empty for a kind that only groups others."""

    event_id: Annotated[str, Field(max_length=200)]
    occurred_at: AwareDatetime
    seq: int = 0
    """Place in the order of acceptance; 0 if it did not come through our front door."""
    context: Context = Context()

    @classmethod
    def then_quiet(cls, duration: timedelta) -> Quiet[Self]:
        """This, and then nothing of this kind (and key) for `duration`."""
        return Quiet(cls, duration)

    @classmethod
    def kinds(cls) -> dict[str, type[Event]]:
        """This kind and every kind below it, by wire name."""
        found: dict[str, type[Event]] = {cls.event_name: cls} if "event_name" in vars(cls) and cls.event_name else {}
        for below in cls.__subclasses__():
            found |= below.kinds()
        return found

    def key(self, field: str | None) -> str | None:
        """The value of the field that a journey is `one_per`, as a string; None where this event has none."""
        value = getattr(self, field, None) if field else None
        return None if value is None or value == "" else str(value)


class Activity(Event):
    """Anything that shows the person is here; win-back waits for its absence."""


class Product(Fact):
    """One line of a cart or an order."""

    product_id: Key = ""
    name: Text | None = None
    category: Text | None = None
    brand: Text | None = None
    price: Amount | None = None
    quantity: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    url: Link | None = None
    image_url: Link | None = None


class Recommended(Product):
    """A product that the person may like next, as it is offered now; `price` is in `currency` (ISO 4217)."""

    currency: Currency | None = None


class Basket(Fact):
    """What carts, checkouts and orders have in common; `value` is in `currency` (ISO 4217)."""

    value: Amount = Decimal(0)
    currency: Currency | None = None
    coupon: Text | None = None
    products: tuple[Product, ...] = ()


class SignedUp(Activity):
    """An account was created."""

    event_name: ClassVar[str] = "Signed Up"


class Identified(Event):
    """The person's traits were written, by the person or by a backend."""

    event_name: ClassVar[str] = "Identified"
    profile_complete: bool = False


class PageViewed(Activity):
    """A page call."""

    event_name: ClassVar[str] = "Page Viewed"
    path: Link | None = None
    category: Text | None = None


class ScreenViewed(Activity):
    """A screen call of a mobile app."""

    event_name: ClassVar[str] = "Screen Viewed"
    category: Text | None = None


class ProductListViewed(Activity):
    """A category or list of products was seen."""

    event_name: ClassVar[str] = "Product List Viewed"
    category: Text | None = None


class ProductsSearched(Activity):
    """A search was made; what was typed stays in our database."""

    event_name: ClassVar[str] = "Products Searched"


class ProductViewed(Product, Activity):
    """A product's page was seen."""

    event_name: ClassVar[str] = "Product Viewed"


class ProductAdded(Product, Activity):
    """A product was put into the cart."""

    event_name: ClassVar[str] = "Product Added"
    cart_id: Key | None = None
    products: tuple[Product, ...] = ()
    """All lines, where one call names several, as tag managers may."""


class ProductRemoved(Product, Activity):
    """A product was taken out of the cart."""

    event_name: ClassVar[str] = "Product Removed"
    cart_id: Key | None = None
    products: tuple[Product, ...] = ()


class CartViewed(Basket, Activity):
    """The cart was looked at."""

    event_name: ClassVar[str] = "Cart Viewed"
    cart_id: Key | None = None


class CheckoutStarted(Basket, Activity):
    """The checkout was begun."""

    event_name: ClassVar[str] = "Checkout Started"
    cart_id: Key | None = None
    order_id: Key | None = None


class OrderCompleted(Basket, Activity):
    """A purchase."""

    event_name: ClassVar[str] = "Order Completed"
    order_id: Key | None = None
    cart_id: Key | None = None

    @property
    def category(self) -> str | None:
        """The category most of the money went to; None where no product names one."""
        spent: dict[str, Decimal] = {}
        for product in self.products:
            if product.category:
                spent[product.category] = (
                    spent.get(product.category, Decimal(0)) + (product.price or 0) * product.quantity
                )
        return max(spent, key=lambda category: (spent[category], category)) if spent else None


class OrderRefunded(Event):
    """A purchase was given back."""

    event_name: ClassVar[str] = "Order Refunded"
    order_id: Key | None = None


class OrderCancelled(Event):
    """A purchase was called off before delivery."""

    event_name: ClassVar[str] = "Order Cancelled"
    order_id: Key | None = None


class VideoPlaybackStarted(Activity):
    """A video was started."""

    event_name: ClassVar[str] = "Video Playback Started"
    content_asset_id: Key | None = None


class VideoPlaybackCompleted(Activity):
    """A video was seen to its end."""

    event_name: ClassVar[str] = "Video Playback Completed"
    content_asset_id: Key | None = None


class FileDownloaded(Activity):
    """A file was downloaded."""

    event_name: ClassVar[str] = "File Downloaded"
    file_name: Text | None = None


class CartUpdated(Basket, Event):
    """The person's cart as it is now; derived by us from what shops really send."""

    event_name: ClassVar[str] = "Cart Updated"
    cart_id: Key


class CartEmptied(Event):
    """The cart holds nothing any more; derived, or told by the shop."""

    event_name: ClassVar[str] = "Cart Emptied"
    cart_id: Key


class ZoneChanged(Event):
    """The person's time zone is another one now; derived. The new zone is in `context.location`."""

    event_name: ClassVar[str] = "Zone Changed"


class DateChanged(Event):
    """A date in the person's profile was set, moved or removed; derived."""

    event_name: ClassVar[str] = "Date Changed"
    trait: Text
    date: Text | None = None


class SegmentEntered(Event):
    """The person has come into a segment that a journey starts on; derived."""

    event_name: ClassVar[str] = "Segment Entered"
    segment: Key = ""


class Enrolled(Event):
    """The person was let into a journey by an operator, as one of a segment; it starts only the journey it names."""

    event_name: ClassVar[str] = "Enrolled"
    journey: Key = ""
    segment: Key = ""


class Preference(Event):
    """Something a person said about which messages they want; `*` is every channel or every topic."""

    channel: Literal["email", "push", "in_app", "webhook", "*"] = "*"
    topic: Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,39})$")] = "*"


class Subscribed(Preference):
    """The person asked for the messages of a topic."""

    event_name: ClassVar[str] = "Subscribed"


class Unsubscribed(Preference):
    """The person asked not to get the messages of a topic; from the 200 on nothing of it is sent."""

    event_name: ClassVar[str] = "Unsubscribed"


class Delivery(Event):
    """What a provider told of a message that went to the person.

    No sign that they are here: a click leads to the site, and what is done there is told by the site.
    """

    template: Text | None = None
    topic: Text | None = None
    send_key: Key | None = None


class EmailDelivered(Delivery):
    """The person's mail server took an email."""

    event_name: ClassVar[str] = "Email Delivered"


class EmailOpened(Delivery):
    """An email was opened, by a person as far as can be told."""

    event_name: ClassVar[str] = "Email Opened"


class EmailClicked(Delivery):
    """A link in an email was clicked; `link` is its host and path."""

    event_name: ClassVar[str] = "Email Link Clicked"
    link: Link | None = None


class EmailBounced(Delivery):
    """An email came back; `permanent` where the address is dead, and no email goes there any more."""

    event_name: ClassVar[str] = "Email Bounced"
    permanent: bool = False


class EmailMarkedAsSpam(Delivery):
    """The person called an email spam; they get no more emails, but for those that belong to something they did."""

    event_name: ClassVar[str] = "Email Marked as Spam"


class InAppClicked(Activity):
    """An in-app message was clicked; `link` is its host and path. Unlike a link in an email, it is clicked on the site."""

    event_name: ClassVar[str] = "In-App Message Clicked"
    template: Text | None = None
    topic: Text | None = None
    send_key: Key | None = None
    link: Link | None = None


class PushTapped(Activity):
    """A push notification was tapped, as the app tells."""

    event_name: ClassVar[str] = "Push Notification Tapped"
    template: Text | None = None
    send_key: Key | None = None
