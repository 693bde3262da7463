import hashlib
import hmac

from attrs import define

from application.ports.passwords import Passwords


@define(eq=False)
class MemoryPasswords(Passwords):
    """Fast, and therefore no protection at all."""

    def hash(self, password: str) -> str:
        return "memory$" + hashlib.sha256(password.encode(errors="surrogatepass")).hexdigest()

    def verify(self, hash: str | None, password: str) -> bool:
        made = self.hash(password)
        return hash is not None and hmac.compare_digest(hash, made)
