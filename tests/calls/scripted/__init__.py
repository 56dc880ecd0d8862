"""Scripted calls from a file: a world, callers' words, what must come of them. Abstract tools stand for ours."""
