"""Docker images and containers as targets: found, run under the probe, read, and left as they were.

``engine`` talks to the daemon, ``identity`` and ``payload`` are pure, ``containers`` owns whatever exists
only for a while, ``target`` makes a runnable thing of an image or a container, ``driver`` runs it traced.
"""
