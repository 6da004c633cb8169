"""The printed card: layout, raster and the IPP printer."""
