"""The other ends of every wire, on loopback: Deepgram, OpenAI, Cartesia and Twilio with its caller.

They speak the vendors' wire and never import our clients. Shipped, but only scripts and tests start them.
"""
