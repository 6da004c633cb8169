"""Delivery to the central registry from the stored outbox."""
