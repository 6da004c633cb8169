"""People, documents, cases, stay rules, stock and cards as plain values: no I/O, standard library only."""
