"""What the people of a shop see while calls go on. It watches the event bus; no call ever waits for it."""
