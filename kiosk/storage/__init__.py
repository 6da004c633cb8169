"""The encrypted database: cases, stock, outbox, audit log, sealed images, migrations."""
