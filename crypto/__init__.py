"""Cryptography of travel documents: keys, certificates, CMS, trust (Doc 9303-10, -11, -12).

Knows nothing above it: it takes bytes, keys and mappings of data groups.
"""
