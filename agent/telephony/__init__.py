"""The phone company: its webhooks, its media stream, its REST API."""
