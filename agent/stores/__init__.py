"""Where shops and calls are kept."""
