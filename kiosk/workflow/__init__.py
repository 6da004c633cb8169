"""The flow of one traveller: a pure reducer, the session that runs its effects, and recovery."""
