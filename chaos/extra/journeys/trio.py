"""Three emails, a few seconds apart."""

from events import OrderCancelled
from workflows import User, email, journey, seconds


@journey(
    starts_on=OrderCancelled,
    where=lambda order, person: (order.order_id or "").startswith("trio-"),
    one_per="order_id",
)
async def trio(user: User, order: OrderCancelled) -> None:
    await user.send(email("win_back/we_miss_you"))

    await user.sleep(seconds(2))
    await user.send(email("win_back/last_offer"))

    await user.sleep(seconds(2))
    await user.send(email("onboarding/checklist"))
