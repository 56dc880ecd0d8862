"""What a shop wants said: its file, its cache in memory, and the words the model is given."""
