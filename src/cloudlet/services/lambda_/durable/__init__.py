"""Durable functions: executions that remember each step, wait for days at no cost, and survive any crash."""
