"""The ARC-1643 part: documents by name.

A name has 32 bytes, zero-padded on the right: bytes32 in the draft, byte[] in its signatures.
Only the owner writes.  Boxes (key: value):
    "d" + name: the ARC-4 tuple (string uri, byte[] hash, uint64 Unix time of the last change),
        16 bytes and uri and hash
    "D": the names in the order of their setting, 32 bytes each; a removed one leaves no gap
"""

from algopy import Box, BoxMap, Bytes, Global, UInt64, arc4, op, subroutine, urange

from adapters.algorand.standards.arc1400.contract_ownership_base import OwnedToken


class Document(arc4.Struct):
    uri: arc4.String
    hash: arc4.DynamicBytes
    changed_at: arc4.UInt64


class NamedDocument(arc4.Struct):
    name: arc4.DynamicBytes
    uri: arc4.String
    hash: arc4.DynamicBytes


class DocumentedToken(OwnedToken):
    def __init__(self) -> None:
        super().__init__()
        self.documents = BoxMap(Bytes, Document, key_prefix=b"d")
        self.index = Box(Bytes, key=b"D")

    @arc4.abimethod
    def arc1643_set_document(
        self, name: arc4.DynamicBytes, uri: arc4.String, hash: arc4.DynamicBytes
    ) -> None:
        self._owner_only()
        key = document_key(name)
        if key not in self.documents:
            self.index.value = self.index.get(default=Bytes()) + key
        self.documents[key] = Document(uri, hash.copy(), arc4.UInt64(Global.latest_timestamp))
        arc4.emit("DocumentUpdated", NamedDocument(name.copy(), uri, hash.copy()))

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1643_get_document(self, name: arc4.DynamicBytes) -> Document:
        return self.documents.get(
            document_key(name),
            default=Document(arc4.String(""), arc4.DynamicBytes(b""), arc4.UInt64(0)),
        )

    @arc4.abimethod
    def arc1643_remove_document(self, name: arc4.DynamicBytes) -> None:
        self._owner_only()
        key = document_key(name)
        assert key in self.documents, "no such document"
        document = self.documents[key].copy()
        names = op.Box.get(b"D")[0]
        place = UInt64(0)
        while op.extract(names, place, 32) != key:
            place += 32
        end = place + 32
        self.index.value = op.extract(names, 0, place) + op.substring(names, end, names.length)
        arc4.emit(
            "DocumentRemoved", NamedDocument(name.copy(), document.uri, document.hash.copy())
        )
        # Last: puyapy 5.10.1 reads the parts of `document` from the box when they are used.
        del self.documents[key]

    @arc4.abimethod(readonly=True, validate_encoding="unsafe_disabled")
    def arc1643_get_all_documents(self) -> arc4.DynamicArray[arc4.DynamicBytes]:
        names = self.index.get(default=Bytes())
        count = names.length // 32
        heads = short(count)
        tails = Bytes()
        for place in urange(count):
            heads += short(count * 2 + place * 34)
            tails += short(UInt64(32)) + op.extract(names, place * 32, 32)
        return arc4.DynamicArray[arc4.DynamicBytes].from_bytes(heads + tails)


@subroutine
def document_key(name: arc4.DynamicBytes) -> Bytes:
    assert name.length == 32, "document names have 32 bytes"
    return name.native


@subroutine
def short(number: UInt64) -> Bytes:
    return op.extract(op.itob(number), 6, 2)
