"""Whether somebody who is logged in knows their password.

A wrong one counts like a failed log-in, so that a found device is no way to try them all.
"""

from attrs import frozen

from application.access.log_in import attempts_key
from application.ports.clock import Clock
from application.ports.passwords import Passwords
from application.ports.storage.work import Scope, Store
from domain.errors import Refusal
from domain.identifiers import UserId
from domain.organisation import User

WRONG = Refusal(code="invalid_credentials", detail="the current password is not right")


@frozen(kw_only=True)
class CheckOwnPassword:
    store: Store
    clock: Clock
    passwords: Passwords

    def __call__(self, id: UserId, password: str, source: str) -> User | Refusal:
        """Whose it is."""
        with self.store.begin(Scope(user=id)) as work:
            user = work.users.get()
        if user is None or user.is_erased:
            return WRONG
        attempts = attempts_key(user.email, source)
        with self.store.begin(Scope()) as work:
            locked = work.login_attempts.lock(attempts).verdict(self.clock.now())
        if locked is not None:
            return locked
        if self.passwords.verify(user.password_hash, password):
            return user
        with self.store.begin(Scope()) as work:
            failures = work.login_attempts.lock(attempts).failed(self.clock.now())
            work.login_attempts.put(attempts, failures)
        return WRONG
