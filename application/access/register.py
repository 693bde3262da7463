"""Register: by a letter where addresses are verified, at once where nobody asks for it.

By a letter, nothing exists before the token in it comes back together with the password
(`verify.py`): no organisation, no credits, nobody to log in as.  So nobody learns whether an
address is registered; and neither whoever only reads the mail nor whoever only made the
registration can finish it.
"""

from collections.abc import Mapping

from attrs import field, frozen

from application.access.enrol import Enrol, Newcomer, Registered
from application.access.mail_limits import Allowed, count_letter
from application.mail.write import WriteLetter, put_in_the_post
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.passwords import Passwords
from application.ports.storage.letters import Letter
from application.ports.storage.work import Scope, Store
from domain.errors import FieldFault, Refusal
from domain.identifiers import INSTALLATION, UserId
from domain.letter import LetterKind, is_plain_address

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
LONGEST_EMAIL = 254


@frozen(kw_only=True)
class Registration:
    email: str
    password: str = field(repr=False)
    organisation: str
    request_id: str
    #: The network it comes from, where it comes over one.
    source: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class LetterWritten:
    """Whoever reads the mail of that address knows what to do next."""


@frozen(kw_only=True)
class Register:
    store: Store
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    enrol: Enrol
    write: WriteLetter
    #: False: addresses are taken as verified, and nothing is sent.
    verifies: bool
    #: There is somebody who carries letters.
    has_mail: bool

    def __call__(self, registration: Registration) -> Registered | LetterWritten | Refusal:
        email = canonical_email(registration.email)
        if faults := faults_of(email, registration.password, registration.organisation):
            return Refusal(
                code="validation_failed", detail="the registration has faults", faults=faults
            )
        if self.verifies and not self.has_mail:
            return Refusal(
                code="mail_not_configured", detail="this installation has nothing to send mail by"
            )
        newcomer = Newcomer(
            user=UserId(self.identifiers.next()),
            email=email,
            password_hash=self.passwords.hash(registration.password),
            organisation=registration.organisation.strip(),
            request_id=registration.request_id,
            source=registration.source,
        )
        if not self.verifies:
            return self.enrol(newcomer, lambda _work, _now: None)
        return self._by_letter(newcomer)

    def _by_letter(self, newcomer: Newcomer) -> LetterWritten | Refusal:
        """The same work, whether or not somebody has the address."""
        if not is_plain_address(newcomer.email):
            fault = FieldFault("/email", "invalid_email", "no mail can be sent to this address")
            return Refusal(
                code="validation_failed", detail="the registration has faults", faults=(fault,)
            )
        with self.store.begin(Scope()) as work:
            allowed = count_letter(work, self.clock, newcomer.email, newcomer.source)
            known = work.users.find_login(newcomer.email)
        if isinstance(allowed, Refusal):
            return allowed
        letter = self._letter(newcomer, allowed, known)
        with self.store.begin(Scope(organisation=INSTALLATION)) as work:
            put_in_the_post(work, letter)
        return LetterWritten()

    def _letter(self, newcomer: Newcomer, allowed: Allowed, known: UserId | None) -> Letter:
        kind = LetterKind.REGISTRATION if known is None else LetterKind.ADDRESS_KNOWN
        return self.write(
            kind if allowed.to_address else LetterKind.TO_NOBODY,
            newcomer.email,
            user=known or newcomer.user,
            carries_token=known is None and allowed.to_address,
            contents={
                "password_hash": newcomer.password_hash,
                "organisation": newcomer.organisation,
            },
        )


def canonical_email(text: str) -> str:
    """As addresses are compared: without blanks around, in lower case."""
    return text.strip().lower()


def faults_of(email: str, password: str, organisation: str) -> tuple[FieldFault, ...]:
    checks: Mapping[str, tuple[str, str | None]] = {
        "/email": ("invalid_email", email_fault(email)),
        "/password": ("weak_password", password_fault(password, email)),
        "/organisation": ("invalid_name", _name_fault(organisation)),
    }
    return tuple(
        FieldFault(pointer, code, message)
        for pointer, (code, message) in checks.items()
        if message is not None
    )


def email_fault(email: str) -> str | None:
    local, at, domain = email.rpartition("@")
    is_plain = email.isprintable() and " " not in email and len(email) <= LONGEST_EMAIL
    if not (local and at and is_plain and "@" not in local and _is_host(domain)):
        return "an e-mail address looks like name@example.com"
    return None


def _is_host(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and all(
        label and not label.startswith("-") and not label.endswith("-") for label in labels
    )


def password_fault(password: str, email: str) -> str | None:
    # NIST SP 800-63B: length counts, composition rules do not.
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    if len(set(password)) < 5 or password.lower() == email:
        return "this password would be guessed at once"
    try:
        password.encode()
    except UnicodeEncodeError:
        return "a password is Unicode text"
    return None


def _name_fault(name: str) -> str | None:
    if not (1 <= len(name.strip()) <= 100 and name.isprintable()):
        return "a name has 1 to 100 characters and no control characters"
    return None
