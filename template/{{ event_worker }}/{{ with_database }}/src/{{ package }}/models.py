"""The tables. Every row belongs to a project, and the project is part of its key."""

from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of all tables."""


class SeenItem(Base):
    """How far the events of an item have been handled."""

    __tablename__ = "seen_items"

    project_id: Mapped[str] = mapped_column(String(1024), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
