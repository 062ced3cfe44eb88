"""Bring back a shopper who left a full cart behind."""

from events import CartEmptied, CartUpdated, OrderCompleted
from workflows import User, after, days, email, first_of, hours, in_app, journey, push


@journey(
    starts_on=CartUpdated.then_quiet(hours(1)),
    where=lambda cart, person: cart.value >= 20,
    one_per="cart_id",
    ends_on=(OrderCompleted, CartEmptied),
    again=after(days(30)),
    priority=2,
)
async def cart_abandonment(user: User, cart: CartUpdated) -> None:
    subject = user.variant("cart subject", name=50, product=50)
    await user.send(
        first_of(
            in_app("cart/still_here", cart=cart),
            push("cart/still_here", cart=cart),
            email("cart/still_here", cart=cart, variant=subject),
        )
    )

    while newer := await user.wait_for(CartUpdated, within=days(1)):
        cart = newer

    store = user.near_store(km=10)
    await user.send(
        email(
            "cart/last_call",
            cart=cart,
            variant=subject,
            offer="pickup" if store else None,
            store=store.store if store else None,
        )
    )
