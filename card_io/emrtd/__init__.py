"""The inspection system's side of Doc 9303-11: access, reading in named steps, the verdict tree."""
