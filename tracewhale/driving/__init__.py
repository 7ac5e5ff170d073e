"""What drives a server over HTTP and what is awaited before: pure, but for the client in ``client``."""
