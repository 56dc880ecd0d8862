"""The voice of a call: how frames travel, when a turn ends, what was heard, which tools the model has."""
