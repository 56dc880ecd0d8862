"""The receptionist: one phone call from pick-up to hang-up. Start reading at `agent.call`."""
