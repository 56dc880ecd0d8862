"""Where everything that happened is announced."""
