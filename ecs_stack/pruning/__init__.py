"""Ephemeral environments that nobody needs any more, and what killed runs left: found, judged, taken away."""
