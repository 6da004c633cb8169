"""The first schema: cases, events, outbox, blanks, numbers, images, audit log."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    """CREATE TABLE cases (
        "row" INTEGER PRIMARY KEY NOT NULL, case_id TEXT NOT NULL UNIQUE, stage TEXT NOT NULL,
        finished BOOLEAN NOT NULL, events INTEGER NOT NULL, opened_at TEXT NOT NULL,
        document_key TEXT NOT NULL, entry_on TEXT, granted BOOLEAN NOT NULL)""",
    "CREATE INDEX cases_by_document ON cases (document_key)",
    """CREATE TABLE events (
        case_id TEXT NOT NULL REFERENCES cases (case_id), position INTEGER NOT NULL,
        kind TEXT NOT NULL, record TEXT NOT NULL, sha256 TEXT NOT NULL,
        PRIMARY KEY (case_id, position))""",
    """CREATE TABLE outbox (
        "row" INTEGER PRIMARY KEY NOT NULL, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        case_id TEXT NOT NULL REFERENCES cases (case_id), body TEXT NOT NULL,
        depends_on TEXT REFERENCES outbox (id), state TEXT NOT NULL, attempts INTEGER NOT NULL,
        created_at TEXT NOT NULL, next_try TEXT NOT NULL, changed_at TEXT, last_error TEXT NOT NULL)""",
    "CREATE INDEX outbox_by_state ON outbox (state, next_try)",
    "CREATE INDEX outbox_by_case ON outbox (case_id, state)",
    """CREATE TABLE blanks (
        chip_serial TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, box TEXT NOT NULL,
        job_id TEXT NOT NULL)""",
    "CREATE INDEX blanks_by_state ON blanks (state)",
    """CREATE TABLE stock_moves (
        "row" INTEGER PRIMARY KEY NOT NULL, chip_serial TEXT NOT NULL REFERENCES blanks (chip_serial),
        source TEXT NOT NULL, target TEXT NOT NULL, job_id TEXT NOT NULL, reason TEXT NOT NULL,
        actor TEXT NOT NULL, at TEXT NOT NULL)""",
    """CREATE TABLE card_numbers (
        number TEXT PRIMARY KEY NOT NULL, prefix TEXT NOT NULL, serial INTEGER NOT NULL,
        case_id TEXT NOT NULL REFERENCES cases (case_id), void BOOLEAN NOT NULL)""",
    "CREATE INDEX card_numbers_by_block ON card_numbers (prefix, serial)",
    """CREATE TABLE images (
        id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, case_id TEXT NOT NULL, sealed BLOB NOT NULL)""",
    """CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY NOT NULL, at TEXT NOT NULL, station TEXT NOT NULL,
        actor TEXT NOT NULL, action TEXT NOT NULL, case_id TEXT NOT NULL, details TEXT NOT NULL,
        previous TEXT NOT NULL, hash TEXT NOT NULL, signature TEXT NOT NULL)""",
)
APPEND_ONLY = ("events", "stock_moves", "audit")


def upgrade() -> None:
    """Create everything, and the triggers that keep the append-only tables so."""
    for statement in TABLES:
        op.execute(statement)
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
