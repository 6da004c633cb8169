"""Schema migrations of the desk's database, applied by `kiosk.storage.database`."""
