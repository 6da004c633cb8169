"""Widgets of the desk: each paints one thing and knows nothing of sessions or threads."""
