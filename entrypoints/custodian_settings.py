"""Who holds keys here: ``[custodian]``, and what each of them is told to log in with.

A custodian is written as its key references begin, with where it is behind the colon::

    local-keys
    pkcs11:token=tallystick?module-path=/usr/lib/softhsm/libsofthsm2.so
    vault:https://vault.example:8200?mount=transit
    aws-kms:eu-central-1

Where it is, its adapter reads; what is secret has a setting of its own.
"""

from collections.abc import Callable, Mapping

from attrs import field, frozen

LOCAL_KEYS = "local-keys"

#: The custodians there are, and the secrets of each: ``[pkcs11] pin``.
SECRETS: Mapping[str, tuple[str, ...]] = {
    LOCAL_KEYS: (),
    "pkcs11": ("pin",),
    "vault": ("token", "role_id", "secret_id"),
    "aws-kms": (),
}
_NEW = "TALLYSTICK_CUSTODIAN_NEW_KEYS ([custodian] new_keys)"
_OFFERED = "TALLYSTICK_CUSTODIAN_OFFERED ([custodian] offered)"
_OTHERS = "TALLYSTICK_CUSTODIAN_OTHERS ([custodian] others)"


@frozen(kw_only=True)
class CustodianSettings:
    #: Names the adapter's folder, and begins its key references.
    scheme: str
    #: Where it is, as its adapter understands it.
    address: str = field(default="", repr=False)
    #: A process that only serves may have none: it signs nothing.
    secrets: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def redacted(self) -> str:
        """Without what stands before an ``@`` or behind a ``?``, whoever put it there."""
        place = self.address.partition("?")[0].rpartition("@")[2]
        return f"{self.scheme}:{place}" if place else self.scheme


def read_offered(
    names: tuple[str, ...], custodians: tuple[CustodianSettings, ...]
) -> tuple[frozenset[str], list[str]]:
    """The schemes that organisations may choose among, and every fault.

    Where nothing is said, the one that makes new keys: what holds keys of before gets no more.
    """
    known = {each.scheme for each in custodians}
    faults = [
        f"{_OFFERED}: {name} is no custodian of this configuration"
        for name in names
        if name not in known
    ]
    return frozenset(names) or frozenset(each.scheme for each in custodians[:1]), faults


def read_custodians(
    new_keys: str, others: tuple[str, ...], secret: Callable[[str, str], str | None]
) -> tuple[tuple[CustodianSettings, ...], list[str]]:
    """The one that makes new keys first; and every fault.

    *secret* gives the value of a section's key.  Whatever nobody uses is read all the same, so
    that it is no stranger in the file.
    """
    secrets = {
        scheme: {name: secret(scheme.replace("-", "_"), name) or "" for name in names}
        for scheme, names in SECRETS.items()
    }
    found: dict[str, CustodianSettings] = {}
    faults = []
    for variable, text in [(_NEW, new_keys), *((_OTHERS, each) for each in others)]:
        scheme, _, address = text.partition(":")
        if scheme not in SECRETS:
            names = ", ".join(SECRETS)
            faults.append(f"{variable}: there is no custodian {scheme}; there are {names}")
        elif scheme in found:
            faults.append(f"{variable} names {scheme} again: there is one of each")
        else:
            found[scheme] = CustodianSettings(
                scheme=scheme, address=address, secrets=secrets[scheme]
            )
    return tuple(found.values()), faults
