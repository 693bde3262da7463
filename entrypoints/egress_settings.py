"""What may be asked at addresses that members have chosen: ``[egress]``."""

from attrs import frozen

PORTS = frozenset({443, 8443})


@frozen(kw_only=True)
class EgressSettings:
    #: This machine, on any port and without encryption; for development.
    allow_loopback: bool = False
    #: Of receivers on the internet.
    ports: frozenset[int] = PORTS

    def redacted(self) -> dict[str, object]:
        return {"allow_loopback": self.allow_loopback, "ports": sorted(self.ports)}


def read_ports(text: str) -> frozenset[int]:
    """Raises: ValueError."""
    ports = frozenset(int(each) for each in text.split(","))
    if not all(1 <= port <= 65_535 for port in ports):
        raise ValueError(text)
    return ports
