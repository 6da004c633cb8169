"""Personalisation of a blank card: profiles as data, journalled steps, verification, lock."""
