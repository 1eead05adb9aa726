"""Signed login tickets."""
