"""Results, events and errors -> a terminal or JSON. Nothing else prints."""
