"""The central registry service: FastAPI over SQL. `registry.contract` is its published interface."""
