"""Camera frames to page, MRZ, faces and barcodes. Owns OpenCV, pyzbar and image decoding."""

import os

# Matrices here are small: threads of the algebra library would only wait for each other, for tenths of a
# second on a busy machine. Read when NumPy is loaded, which nothing before this package needs to do.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
