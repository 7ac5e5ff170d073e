"""Requests that drive a server over HTTP, and conditions that are awaited before: pure, but for the client in
``client``."""
