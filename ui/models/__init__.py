"""State of the window without widgets: the desk, the inspection, the cards to issue."""
