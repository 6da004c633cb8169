"""The machine readable zone from pixels: found, straightened, read and decoded (Doc 9303-3 to -7)."""
