"""The registry's tables. Bodies are kept as they came; a few columns beside them serve look-ups.

SQLite now (WAL, synced at every commit); only this module knows. Every public method of `Tables` is
used inside one transaction of `Database.transaction`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError

from registry.errors import RegistryError, RegistryErrorCode

SCHEMA = 1
metadata = MetaData()

meta = Table("meta", metadata, Column("schema", Integer, nullable=False))
records = Table(
    "records",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("received_at", Text, nullable=False),
)
Index("records_by_id", records.c.kind, records.c.id, unique=True)
arrivals = Table(
    "arrivals",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("enrollment_id", Text, nullable=False, unique=True),
    Column("station", Text, nullable=False),
    Column("nationality", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("overall", Text, nullable=False),
    Column("decided_at", Text, nullable=False),
    Column("is_test", Boolean, nullable=False),
)
buffers = Table(
    "buffers", metadata, Column("id", Text, primary_key=True), Column("data", LargeBinary, nullable=False)
)
crossings = Table(
    "crossings",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("document_key", Text, nullable=False, index=True),
    Column("direction", Text, nullable=False),
    Column("on", Text, nullable=False),
    Column("is_test", Boolean, nullable=False),
)
card_numbers = Table(
    "card_numbers",
    metadata,
    Column("number", Text, primary_key=True),
    Column("state", Text, nullable=False),  # ORDERED, ACTIVE, SPOILED, VOID
    Column("enrollment_id", Text, nullable=False, index=True),
    Column("request_id", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("chip_serial", Text, nullable=False, index=True),
)


signatures = Table(
    "signatures",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("signature_id", Text, nullable=False, unique=True),
    Column("certificate", Text, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("at", Text, nullable=False),
)


class Database:
    """The SQLite file of one registry."""

    def __init__(self, path: Path) -> None:
        """Open or create it (mode 0600); RegistryError when it is not ours."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        event.listen(self._engine, "connect", _settle)
        event.listen(self._engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
        try:
            with self._engine.begin() as connection:
                metadata.create_all(connection)
                stored = connection.execute(select(meta.c.schema)).scalar()
                if stored is None:
                    connection.execute(insert(meta).values(schema=SCHEMA))
        except DatabaseError:
            raise RegistryError(RegistryErrorCode.REGISTRY_DAMAGED, "registry.db does not open") from None
        if stored is not None and stored > SCHEMA:
            raise RegistryError(RegistryErrorCode.REGISTRY_TOO_NEW, "written by a newer program")

    @contextmanager
    def transaction(self) -> "Iterator[Tables]":
        """All or nothing; durable when the block ends without an error."""
        with self._engine.begin() as connection:
            yield Tables(connection)

    def close(self) -> None:
        self._engine.dispose()


def _settle(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for setting in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {setting}")


class Tables:
    """What one transaction may read and write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, kind: str, record_id: str) -> Mapping[str, Any] | None:
        """`sha256`, `station`, `received_at` and the `body` as an object."""
        mine = (records.c.kind == kind) & (records.c.id == record_id)
        row = self._connection.execute(select(records).where(mine)).first()
        return None if row is None else {**row._mapping, "body": json.loads(row.body)}

    def add_record(
        self, kind: str, record_id: str, *, sha256: str, body: Mapping[str, Any], station: str, at: datetime
    ) -> None:
        row = {"kind": kind, "id": record_id, "sha256": sha256, "station": station}
        text = json.dumps(body, ensure_ascii=False)
        self._connection.execute(
            insert(records).values(row | {"body": text, "received_at": at.astimezone(UTC).isoformat()})
        )

    def add_arrival(self, **values: Any) -> None:
        self._connection.execute(insert(arrivals).values(values))

    def add_buffer(self, buffer_id: str, data: bytes) -> None:
        self._connection.execute(insert(buffers).values(id=buffer_id, data=data))

    def add_crossing(self, *, document_key: str, direction: str, on: str, is_test: bool) -> None:
        row = {"document_key": document_key, "direction": direction, "on": on, "is_test": is_test}
        self._connection.execute(insert(crossings).values(row))

    def crossings(self, document_key: str) -> list[tuple[str, str]]:
        """(direction, ISO date) of a document, in the order of the days."""
        mine = select(crossings.c.direction, crossings.c.on).where(crossings.c.document_key == document_key)
        rows = self._connection.execute(mine.order_by(crossings.c.on, crossings.c.row))
        return [(row.direction, row.on) for row in rows]

    def number(self, number: str) -> Mapping[str, Any] | None:
        row = self._connection.execute(select(card_numbers).where(card_numbers.c.number == number)).first()
        return None if row is None else dict(row._mapping)

    def set_number(self, number: str, **values: Any) -> None:
        """Change a card number's row, or begin it; members not given keep their value or are ""."""
        known = card_numbers.c.number == number
        if self._connection.execute(update(card_numbers).where(known).values(values)).rowcount:
            return
        blank = {column.name: "" for column in card_numbers.columns}
        self._connection.execute(insert(card_numbers).values(blank | values | {"number": number}))

    def add_signature(self, *, signature_id: str, certificate: str, **values: str) -> int | None:
        """Enter a signature that will be made; its number for this key, None for an id that is taken."""
        known = select(signatures.c.row).where(signatures.c.signature_id == signature_id)
        if self._connection.execute(known).first() is not None:
            return None
        count = select(func.count()).where(signatures.c.certificate == certificate)
        number = int(self._connection.execute(count).scalar_one()) + 1
        row = {"signature_id": signature_id, "certificate": certificate, "number": number, **values}
        self._connection.execute(insert(signatures).values(row))
        return number

    def chip_in_use(self, chip_serial: str) -> bool:
        mine = (card_numbers.c.chip_serial == chip_serial) & (card_numbers.c.state == "ACTIVE")
        return self._connection.execute(select(card_numbers.c.number).where(mine)).first() is not None

    def counts(self) -> dict[str, int]:
        """How many of everything, by names such as "GRANTED", "ACTIVE", "crossing"."""
        found: dict[str, int] = {}
        for column in (arrivals.c.outcome, card_numbers.c.state, records.c.kind):
            query = select(column, func.count()).group_by(column)
            found |= {str(row[0]): int(row[1]) for row in self._connection.execute(query)}
        return found

    def last_arrivals(self, limit: int) -> list[dict[str, Any]]:
        """Newest first, each with its last card number and that number's state ("" without one)."""
        mine = card_numbers.c.enrollment_id == arrivals.c.enrollment_id
        query = (
            select(arrivals, card_numbers.c.number, card_numbers.c.state)
            .outerjoin(card_numbers, mine)
            .order_by(arrivals.c.row.desc(), card_numbers.c.number)
        )
        rows = [dict(row._mapping) for row in self._connection.execute(query.limit(limit * 4))]
        latest = {row["enrollment_id"]: row for row in rows}  # the last number of each arrival wins
        return [{k: v if v is not None else "" for k, v in row.items()} for row in latest.values()][:limit]

    def stations(self) -> list[dict[str, Any]]:
        """Stations that ever sent something: messages so far and when the last came."""
        last = func.max(records.c.received_at).label("last")
        query = select(records.c.station, func.count().label("messages"), last)
        rows = self._connection.execute(query.group_by(records.c.station).order_by(records.c.station))
        return [dict(row._mapping) for row in rows]
