"""Letters to people: written in the transaction of their cause, sent by a worker."""
