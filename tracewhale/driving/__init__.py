"""HTTP requests that drive a server, and conditions that show that it is ready. Pure, except for
``client``."""
