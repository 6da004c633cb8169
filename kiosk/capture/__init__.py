"""Camera frames to page, MRZ, faces and barcodes. Owns OpenCV, pyzbar and image decoding."""
