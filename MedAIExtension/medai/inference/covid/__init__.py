"""COVID-19 classification: how likely, why, how severe."""
