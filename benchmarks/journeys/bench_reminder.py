"""One quiet phase of a second and one guarded message: the engine's share, as small as a journey can be."""

from events import CartUpdated, OrderCompleted
from workflows import User, email, journey, seconds


@journey(
    starts_on=CartUpdated.then_quiet(seconds(1)),
    where=lambda cart, person: cart.cart_id.startswith("bench-"),
    one_per="cart_id",
    ends_on=OrderCompleted,
)
async def bench_reminder(user: User, cart: CartUpdated) -> None:
    await user.send(email("cart/still_here", cart=cart))
