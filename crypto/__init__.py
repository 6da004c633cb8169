"""Cryptography of travel documents: keys, certificates, CMS, trust. Knows nothing above it (Doc 9303-10, -11, -12)."""
