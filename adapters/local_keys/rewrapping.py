"""Envelopes whose data key is wrapped anew; what is in them is not touched."""

from attrs import evolve, frozen

from adapters.local_keys.envelope import Envelope, place_of
from application.ports.custody import Envelopes, KeyWrapping, Wrapped
from domain.identifiers import KeyRef


@frozen
class LocalKeyEnvelopes(Envelopes):
    def rewrapped(self, key: KeyRef, record: Wrapped, wrapping: KeyWrapping) -> Wrapped:
        envelope = Envelope.from_record(key, record)
        place = place_of(envelope.description)
        data_key = wrapping.wrap(wrapping.unwrap(envelope.data_key, place), place)
        return evolve(envelope, data_key=data_key).to_record()
