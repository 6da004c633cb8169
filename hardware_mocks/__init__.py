"""Simulated camera, chips, readers, printer and people: a product for testers. Nobody imports it."""
