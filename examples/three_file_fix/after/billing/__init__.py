"""From meter readings to a monthly invoice."""
