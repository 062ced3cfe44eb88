"""Never executed: a journey that uses every verb as it is meant, and must pass the type checker."""

from datetime import date, time

from events import Activity, CartEmptied, CartUpdated, OrderCompleted, ProductViewed, SignedUp
from messages import Message
from workflows import User, after, always, days, email, first_of, hours, in_app, journey, message, push


@journey(
    starts_on=CartUpdated.then_quiet(hours(1)),
    where=lambda cart, person: cart.value >= 20 and person.orders > 1,
    one_per="cart_id",
    ends_on=(OrderCompleted, CartEmptied),
    again=after(days(30)),
    kind="reactive",
    priority=2,
)
async def every_verb(user: User, cart: CartUpdated) -> None:
    arm = user.variant("subject", a=50, b=50)
    outcome = await user.send(first_of(in_app("a", cart=cart), push("a", cart=cart), email("a", cart=cart, arm=arm)))
    if outcome.accepted and outcome.channel == "push":
        await user.sleep(days(1))

    while newer := await user.wait_for(CartUpdated, within=days(1)):
        cart = newer

    seen = await user.wait_for(ProductViewed, OrderCompleted, within=days(2))
    match seen:
        case ProductViewed(product_id=product):
            await user.send(email("seen", product=product, unless=(OrderCompleted,)))
        case OrderCompleted(order_id=order):
            await user.send(email("bought", order=order))
        case None:
            await user.until(time(9), weekdays=("mon", "fri"))

    person = await user.profile()
    if "vip" in person.segments and await user.until(person.date("renews_at"), unusable="end"):
        await user.send(email("renewal"))
    await user.until(date(2026, 12, 24), unusable="skip")

    picks = await user.recommend(3)
    if picks and picks[0].currency == "EUR" and (person.buy_probability or 0) > 0.5:
        channel = await user.best_channel()
        await user.send(first_of(message("picks", channel=channel, picks=picks), email("picks", picks=picks)))

    near = user.near_store(km=10)
    reminder: Message = email(
        "last", store=near.store if near else None, on=user.device.kind, at=user.now().isoformat()
    )
    await user.send(reminder)


@journey(starts_on=Activity.then_quiet(days(30)), ends_on=Activity, again=always)
async def any_activity(user: User, last: Activity) -> None:
    await user.send(email("we_miss_you", country=user.location.country))


@journey(starts_on=SignedUp)
async def shortest(user: User, sign_up: SignedUp) -> None:
    await user.send(email("welcome"))
