"""Smart cards: APDUs, PC/SC, data structures, inspection and personalisation. Takes bytes and keys."""
