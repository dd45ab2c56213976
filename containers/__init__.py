"""The panel's one Django app; see CONTRIBUTING.md for who lives where."""
