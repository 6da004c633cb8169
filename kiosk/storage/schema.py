"""Tables of the desk's database as this program knows them; migrations build them.

Times are ISO 8601 text in UTC with microseconds, so that they sort as text; dates are ISO text.
Events, ledger lines and audit entries are append-only: triggers of the migration refuse changes.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

# Revisions in order; the last is what this program needs. A test holds the list to the scripts.
REVISIONS = ("0001",)

metadata = MetaData()

cases = Table(
    "cases",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("case_id", Text, nullable=False, unique=True),
    Column("stage", Text, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("events", Integer, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("document_key", Text, nullable=False),
    Column("entry_on", Text),
    Column("granted", Boolean, nullable=False),
)
Index("cases_by_document", cases.c.document_key)

events = Table(
    "events",
    metadata,
    Column("case_id", Text, ForeignKey("cases.case_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("sha256", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False),
    Column("body", Text, nullable=False),
    Column("depends_on", Text, ForeignKey("outbox.id")),
    Column("state", Text, nullable=False),  # NEW, SENT, REFUSED
    Column("attempts", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("next_try", Text, nullable=False),
    Column("changed_at", Text),
    Column("last_error", Text, nullable=False),
)
Index("outbox_by_state", outbox.c.state, outbox.c.next_try)
Index("outbox_by_case", outbox.c.case_id, outbox.c.state)

blanks = Table(
    "blanks",
    metadata,
    Column("chip_serial", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("box", Text, nullable=False),
    Column("job_id", Text, nullable=False),
)
Index("blanks_by_state", blanks.c.state)

stock_moves = Table(
    "stock_moves",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("chip_serial", Text, ForeignKey("blanks.chip_serial"), nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
)

card_numbers = Table(
    "card_numbers",
    metadata,
    Column("number", Text, primary_key=True),
    Column("prefix", Text, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False),
    Column("void", Boolean, nullable=False),
)
Index("card_numbers_by_block", card_numbers.c.prefix, card_numbers.c.serial)

images = Table(
    "images",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("signature", Text, nullable=False),
)
