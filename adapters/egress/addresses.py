"""Addresses that no member may have us talk to.

``ipaddress`` knows most of them (`is_global`), with the standard library's age; here they stand
by themselves, each with its source, and `is_global` is asked besides.  IANA means the registries
of special-purpose addresses for IPv4 and IPv6 (RFC 6890, 8190), as of 2026.

Addresses that carry others inside them (IPv4 in IPv6, translated or tunnelled) are refused whole:
what they lead to is decided by somebody else's gateway.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_REFUSED = tuple(
    ip_network(text)
    for text in (
        # IPv4, IANA.
        "0.0.0.0/8",  # "this network", RFC 791; Linux takes 0.0.0.0 for itself
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # shared between carriers, RFC 6598; Alibaba's metadata 100.100.100.200
        "127.0.0.0/8",  # loopback, RFC 1122
        "169.254.0.0/16",  # link-local, RFC 3927; metadata of AWS, Google, Azure: 169.254.169.254
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890; Oracle's metadata 192.0.0.192
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.31.196.0/24",  # AS112, RFC 7535
        "192.52.193.0/24",  # AMT, RFC 7450
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "192.175.48.0/24",  # AS112, RFC 7534
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, RFC 1112; 255.255.255.255 is broadcast
        # Public by the registry, and answered by the host of an Azure machine: its "wire server".
        "168.63.129.16/32",
        # IPv6.  What is not in 2000::/3 is no unicast that is routed (RFC 4291, 2.4): this has
        # ::/128, ::1/128, ::ffff:0:0/96 (IPv4-mapped), 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64,
        # RFC 6052 and 8215), 100::/64 (discard), 5f00::/16 (SRv6), fc00::/7 (unique local, with
        # AWS's fd00:ec2::254), fe80::/10 (link-local), fec0::/10 (site-local), ff00::/8.
        "::/3",
        "4000::/2",
        "8000::/1",
        # And within it, IANA:
        "2001::/23",  # protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID, AMT, AS112
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056: an IPv4 address inside
        "2620:4f:8000::/48",  # AS112, RFC 7534
        "3ffe::/16",  # the 6bone, given back: RFC 3701
        "3fff::/20",  # documentation, RFC 9637
    )
)

_LOOPBACK = tuple(ip_network(text) for text in ("127.0.0.0/8", "::1/128"))


def read(text: str) -> Address | None:
    """The address that *text* spells; None: it spells none.

    A zone (``fe80::1%eth0``) names an interface of ours, and is none.
    """
    try:
        return ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def is_loopback(address: Address) -> bool:
    return any(address in network for network in _LOOPBACK)


def is_public(address: Address) -> bool:
    """Whether it may be anybody's on the internet."""
    return address.is_global and not any(
        address in network for network in _REFUSED if network.version == address.version
    )
