"""The pages of the desk: each shows a model and sends its wishes back to it."""
