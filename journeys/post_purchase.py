"""Thank a customer, help with what they bought, and ask how it went once it has arrived."""

from datetime import time

from events import OrderCancelled, OrderCompleted, OrderRefunded
from workflows import User, days, email, first_of, journey, push


@journey(
    starts_on=OrderCompleted,
    where=lambda order, person: order.value > 0,
    one_per="order_id",
    ends_on=(OrderRefunded, OrderCancelled),
    kind="reactive",
    priority=1,
)
async def post_purchase(user: User, order: OrderCompleted) -> None:
    await user.send(email("post_purchase/thanks", order=order))

    await user.sleep(days(2))
    await user.until(time(10))
    if order.category:
        await user.send(email("post_purchase/help", order=order, category=order.category))

    await user.sleep(days(5))
    await user.until(time(17), weekdays=("tue", "wed", "thu", "sat", "sun"))
    await user.send(first_of(push("post_purchase/review", order=order), email("post_purchase/review", order=order)))

    await user.sleep(days(14))
    await user.until(time(10))
    await user.send(email("post_purchase/upsell", order=order, category=order.category))
