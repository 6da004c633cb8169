"""How the shipped networks were made: rendered documents, samples, networks, training, export.

Needs the `training` extra (PyTorch); nothing else in the product imports this room.
"""
