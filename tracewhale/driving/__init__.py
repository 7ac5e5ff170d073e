"""HTTP requests that drive a server, and conditions to wait for before: pure, except for ``client``."""
