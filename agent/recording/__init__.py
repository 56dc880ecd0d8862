"""Recorded calls: `tape` gathers one, `recorder` writes and expires them, `reel` reads one back."""
