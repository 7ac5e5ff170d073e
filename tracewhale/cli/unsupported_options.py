"""Options of ``docker run`` that are not supported, each with an alternative. Pure."""

from __future__ import annotations

_OF_CONTAINERS = """
    --privileged --device --device-cgroup-rule --pid --ipc --uts --userns --cgroupns --dns --dns-option
    --dns-opt --dns-search --group-add --sysctl -m --memory --memory-reservation --memory-swap
    --memory-swappiness --cpu-shares --cpus --cpu-period --cpu-quota --cpuset-cpus --cpuset-mems
    --pids-limit --runtime --volumes-from --domainname --oom-kill-disable --oom-score-adj --blkio-weight
    --stop-signal --health-cmd --health-interval --health-retries --health-start-period
    --health-timeout --no-healthcheck
""".split()
"""Options that a container as the target keeps from its creation."""

_INSTEAD = {
    "--name": "Leave it out: a --workload finds the container's id in TRACEWHALE_CONTAINER.",
    "--restart": "Leave it out: the command is run once to trace it, and once or more to verify.",
    "--cidfile": "Leave it out: a --workload finds the container's id in TRACEWHALE_CONTAINER.",
    "--publish-all": "Leave it out: a --workload reaches every port at TRACEWHALE_IP.",
    "--expose": "Leave it out, or say --image-expose PORT for the new image.",
    "--label": "Leave it out, or say --image-label NAME=VALUE for the new image.",
    "--detach": "Leave it out: --workload, --exec or --for say what drives a server, and when it is stopped.",
    "--pull": "Pull the image first: docker pull IMAGE.",
    "--link": "Connect both to one network, and say --network NAME.",
}
_ALIASES = {"-P": "--publish-all", "-l": "--label", "-d": "--detach"}


def instead_of(option: str) -> str:
    """Return the alternative to an option of ``docker run``; empty if that does not exist."""
    name = _ALIASES.get(option, option)
    if option in _OF_CONTAINERS:
        return (
            f"Make a container with it, which keeps it as a target: docker create {option} ... IMAGE, and "
            "tracewhale run CONTAINER."
        )
    return _INSTEAD.get(name, "")
