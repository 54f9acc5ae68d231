"""What is new: an event says nothing any more once a later one of its item was handled."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from .models import SeenItem


async def is_news(session: AsyncSession, project_id: str, item_id: UUID, version: int) -> bool:
    """Note that an item has a version; whether it had no later one before.

    The events of an item come in order and one at a time, but for those that were dead letters
    and are replayed.
    """
    seen = await session.get(SeenItem, (project_id, item_id))
    if seen is None:
        session.add(SeenItem(project_id=project_id, id=item_id, version=version))
        return True
    if version < seen.version:
        return False
    seen.version = version
    return True
