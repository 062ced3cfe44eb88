"""Never executed: each mistake an author may make, and the error that the type checker must report on its very line."""

from datetime import timedelta

from events import CartUpdated, OrderCompleted, ProductViewed, SignedUp
from workflows import User, days, email, first_of, hours, journey


@journey(starts_on=SignedUp)  # error: arg-type
async def wrong_entry(user: User, order: OrderCompleted) -> None:
    await user.send(email("welcome"))


@journey(starts_on=CartUpdated.then_quiet(hours(1)))  # error: arg-type
async def wrong_entry_after_quiet(user: User, seen: ProductViewed) -> None:
    await user.send(email("welcome"))


@journey(starts_on=SignedUp)  # error: arg-type
def not_async(user: User, sign_up: SignedUp) -> None:
    return


@journey(starts_on="Signed Up")  # error: arg-type
async def event_by_name(user: User, sign_up: SignedUp) -> None:
    await user.send(email("welcome"))


@journey(
    starts_on=CartUpdated,
    where=lambda cart, person: cart.worth >= 20,  # error: attr-defined
    one_per="cart_id",
)
async def misspelt_in_where(user: User, cart: CartUpdated) -> None:
    await user.send(email("still_here"))


@journey(starts_on=CartUpdated, one_per="cart_id", ends_on="Order Completed")  # error: arg-type
async def goal_by_name(user: User, cart: CartUpdated) -> None:
    await user.send(email("still_here"))


@journey(starts_on=CartUpdated, one_per="cart_id", kind="eager")  # error: arg-type
async def unknown_kind(user: User, cart: CartUpdated) -> None:
    await user.send(email("still_here"))


@journey(starts_on=CartUpdated, one_per="cart_id")
async def mistakes_inside(user: User, cart: CartUpdated) -> None:
    newer = await user.wait_for(CartUpdated, within=days(1))
    await user.send(email("still_here", value=newer.value))  # error: union-attr
    await user.send(email("still_here", value=cart.valeu))  # error: attr-defined
    await user.send("cart/still_here")  # error: arg-type
    await user.send(first_of("push", "email"))  # error: arg-type
    await user.wait_for("Cart Updated", within=days(1))  # error: call-overload
    await user.wait_for(CartUpdated)  # error: call-overload
    await user.wait_for(CartUpdated, within=24)  # error: call-overload
    user.send(email("still_here"))  # error: unused-coroutine
    user.sleep(days(1))  # error: unused-coroutine
    await user.sleep(1)  # error: arg-type
    await user.until(timedelta(hours=9))  # error: arg-type
    await user.until(None, unusable="never")  # error: arg-type
    await user.telephone("+1")  # error: attr-defined
    cart.value = cart.value  # error: misc
    found = await user.wait_for(ProductViewed, OrderCompleted, within=days(2))
    if found:
        await user.send(email("seen", order=found.order_id))  # error: union-attr
    person = user.profile()
    await user.send(email("hello", language=person.language))  # error: attr-defined
    outcome = await user.send(email("hello"))
    if outcome.status == "sent":  # error: comparison-overlap
        await user.send(email("again"))
