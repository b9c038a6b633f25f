"""What MedAI stands on: a list of it with licences, and its known faults."""
