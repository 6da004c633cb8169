"""The guard's desk in Qt Widgets: a thin face over the workflow."""
