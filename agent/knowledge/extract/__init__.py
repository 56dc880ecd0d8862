"""A shop's website becomes facts with their sources. Pure: HTML in, facts out; no network, no clock, no model."""
