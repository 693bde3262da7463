"""Programs as bytes, put together from the specification of TEAL: nothing here is the network's.

    program("pushint 7", "pushint 6", "*", "itob", "log", "pushint 1")

Numbers are written as numbers, bytes as 0x… or "text", fields by their names.  A line that ends
with a colon is a label; `b`, `bz`, `bnz`, `callsub`, `switch` and `match` name them.
"""

import shlex

VERSION = 11

#: Number, and what follows: f a field of a transaction, g a global field, u a byte, s a signed
#: one, x bytes, n a number, X and N several of them, l a label, L several.
OPCODES = {
    "err": (0x00, ""), "sha256": (0x01, ""), "keccak256": (0x02, ""), "sha512_256": (0x03, ""),
    "ed25519verify": (0x04, ""), "ecdsa_verify": (0x05, "u"), "+": (0x08, ""), "-": (0x09, ""),
    "/": (0x0A, ""), "*": (0x0B, ""), "<": (0x0C, ""), ">": (0x0D, ""), "<=": (0x0E, ""),
    ">=": (0x0F, ""), "&&": (0x10, ""), "||": (0x11, ""), "==": (0x12, ""), "!=": (0x13, ""),
    "!": (0x14, ""), "len": (0x15, ""), "itob": (0x16, ""), "btoi": (0x17, ""), "%": (0x18, ""),
    "|": (0x19, ""), "&": (0x1A, ""), "^": (0x1B, ""), "~": (0x1C, ""), "mulw": (0x1D, ""),
    "addw": (0x1E, ""), "divmodw": (0x1F, ""), "intcblock": (0x20, "N"), "intc": (0x21, "u"),
    "intc_0": (0x22, ""), "intc_1": (0x23, ""), "intc_2": (0x24, ""), "intc_3": (0x25, ""),
    "bytecblock": (0x26, "X"), "bytec": (0x27, "u"), "bytec_0": (0x28, ""), "bytec_1": (0x29, ""),
    "bytec_2": (0x2A, ""), "bytec_3": (0x2B, ""), "arg_0": (0x2D, ""), "txn": (0x31, "f"),
    "global": (0x32, "g"), "gtxn": (0x33, "uf"), "load": (0x34, "u"), "store": (0x35, "u"),
    "txna": (0x36, "fu"), "gtxna": (0x37, "ufu"), "gtxns": (0x38, "f"), "gtxnsa": (0x39, "fu"),
    "gload": (0x3A, "uu"), "gloads": (0x3B, "u"), "gaid": (0x3C, "u"), "gaids": (0x3D, ""),
    "loads": (0x3E, ""), "stores": (0x3F, ""), "bnz": (0x40, "l"), "bz": (0x41, "l"),
    "b": (0x42, "l"), "return": (0x43, ""), "assert": (0x44, ""), "bury": (0x45, "u"),
    "popn": (0x46, "u"), "dupn": (0x47, "u"), "pop": (0x48, ""), "dup": (0x49, ""),
    "dup2": (0x4A, ""), "dig": (0x4B, "u"), "swap": (0x4C, ""), "select": (0x4D, ""),
    "cover": (0x4E, "u"), "uncover": (0x4F, "u"), "concat": (0x50, ""), "substring": (0x51, "uu"),
    "substring3": (0x52, ""), "getbit": (0x53, ""), "setbit": (0x54, ""), "getbyte": (0x55, ""),
    "setbyte": (0x56, ""), "extract": (0x57, "uu"), "extract3": (0x58, ""),
    "extract_uint16": (0x59, ""), "extract_uint32": (0x5A, ""), "extract_uint64": (0x5B, ""),
    "replace2": (0x5C, "u"), "replace3": (0x5D, ""), "base64_decode": (0x5E, "u"),
    "json_ref": (0x5F, "u"), "balance": (0x60, ""), "app_opted_in": (0x61, ""),
    "app_local_get": (0x62, ""), "app_local_get_ex": (0x63, ""), "app_global_get": (0x64, ""),
    "app_global_get_ex": (0x65, ""), "app_local_put": (0x66, ""), "app_global_put": (0x67, ""),
    "app_local_del": (0x68, ""), "app_global_del": (0x69, ""), "asset_holding_get": (0x70, "u"),
    "asset_params_get": (0x71, "u"), "app_params_get": (0x72, "u"), "acct_params_get": (0x73, "u"),
    "min_balance": (0x78, ""), "pushbytes": (0x80, "x"), "pushint": (0x81, "n"),
    "pushbytess": (0x82, "X"), "pushints": (0x83, "N"), "ed25519verify_bare": (0x84, ""),
    "callsub": (0x88, "l"), "retsub": (0x89, ""), "proto": (0x8A, "uu"), "frame_dig": (0x8B, "s"),
    "frame_bury": (0x8C, "s"), "switch": (0x8D, "L"), "match": (0x8E, "L"), "shl": (0x90, ""),
    "shr": (0x91, ""), "sqrt": (0x92, ""), "bitlen": (0x93, ""), "exp": (0x94, ""),
    "expw": (0x95, ""), "bsqrt": (0x96, ""), "divw": (0x97, ""), "sha3_256": (0x98, ""),
    "b+": (0xA0, ""), "b-": (0xA1, ""), "b/": (0xA2, ""), "b*": (0xA3, ""), "b<": (0xA4, ""),
    "b>": (0xA5, ""), "b<=": (0xA6, ""), "b>=": (0xA7, ""), "b==": (0xA8, ""), "b!=": (0xA9, ""),
    "b%": (0xAA, ""), "b|": (0xAB, ""), "b&": (0xAC, ""), "b^": (0xAD, ""), "b~": (0xAE, ""),
    "bzero": (0xAF, ""), "log": (0xB0, ""), "itxn_begin": (0xB1, ""), "itxn_field": (0xB2, "f"),
    "itxn_submit": (0xB3, ""), "itxn": (0xB4, "f"), "itxna": (0xB5, "fu"), "itxn_next": (0xB6, ""),
    "gitxn": (0xB7, "uf"), "gitxna": (0xB8, "ufu"), "box_create": (0xB9, ""),
    "box_extract": (0xBA, ""), "box_replace": (0xBB, ""), "box_del": (0xBC, ""),
    "box_len": (0xBD, ""), "box_get": (0xBE, ""), "box_put": (0xBF, ""), "txnas": (0xC0, "f"),
    "gtxnas": (0xC1, "uf"), "gtxnsas": (0xC2, "f"), "args": (0xC3, ""), "gloadss": (0xC4, ""),
    "itxnas": (0xC5, "f"), "gitxnas": (0xC6, "uf"), "vrf_verify": (0xD0, "u"),
    "block": (0xD1, "u"), "box_splice": (0xD2, ""), "box_resize": (0xD3, ""),
    "ec_add": (0xE0, "u"),
}  # fmt: skip

_TRANSACTION_FIELDS_TEXT = (
    "Sender Fee FirstValid FirstValidTime LastValid Note Lease Receiver Amount CloseRemainderTo"
    " VotePK SelectionPK VoteFirst VoteLast VoteKeyDilution Type TypeEnum XferAsset AssetAmount"
    " AssetSender AssetReceiver AssetCloseTo GroupIndex TxID ApplicationID OnCompletion"
    " ApplicationArgs NumAppArgs Accounts NumAccounts ApprovalProgram ClearStateProgram RekeyTo"
    " ConfigAsset ConfigAssetTotal ConfigAssetDecimals ConfigAssetDefaultFrozen"
    " ConfigAssetUnitName ConfigAssetName ConfigAssetURL ConfigAssetMetadataHash"
    " ConfigAssetManager ConfigAssetReserve ConfigAssetFreeze ConfigAssetClawback FreezeAsset"
    " FreezeAssetAccount FreezeAssetFrozen Assets NumAssets Applications NumApplications"
    " GlobalNumUint GlobalNumByteSlice LocalNumUint LocalNumByteSlice ExtraProgramPages"
    " Nonparticipation Logs NumLogs CreatedAssetID CreatedApplicationID LastLog StateProofPK"
    " ApprovalProgramPages NumApprovalProgramPages ClearStateProgramPages"
    " NumClearStateProgramPages"
)
_TRANSACTION_FIELDS = _TRANSACTION_FIELDS_TEXT.split()
_GLOBAL_FIELDS_TEXT = (
    "MinTxnFee MinBalance MaxTxnLife ZeroAddress GroupSize LogicSigVersion Round LatestTimestamp"
    " CurrentApplicationID CreatorAddress CurrentApplicationAddress GroupID OpcodeBudget"
    " CallerApplicationID CallerApplicationAddress AssetCreateMinBalance AssetOptInMinBalance"
    " GenesisHash PayoutsEnabled"
)
_GLOBAL_FIELDS = _GLOBAL_FIELDS_TEXT.split()

APPROVE = bytes([VERSION, 0x81, 1])
REJECT = bytes([VERSION, 0x81, 0])


def program(*lines, version=VERSION):
    """Its bytes."""
    body, labels, wanted = bytearray(), {}, []
    for line in (part.strip() for text in lines for part in text.split("\n")):
        if not line:
            continue
        if line.endswith(":"):
            labels[line[:-1]] = len(body)
            continue
        name, *words = shlex.split(line, posix=False)
        code, kinds = OPCODES[name]
        body.append(code)
        found = []
        for kind in kinds:
            if kind in "XNL":
                if kind == "L":
                    body.append(len(words))
                else:
                    body += varuint(len(words))
                for word in words:
                    _append(body, kind.lower(), word, found)
                words = []
            else:
                _append(body, kind, words.pop(0), found)
        assert not words, f"too many words: {line}"
        wanted += [(place, label, len(body)) for place, label in found]
    for place, label, following in wanted:
        offset = labels[label] - following
        body[place : place + 2] = offset.to_bytes(2, "big", signed=True)
    return varuint(version) + bytes(body)


def varuint(value):
    """Seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def literal(word):
    if word.startswith("0x"):
        return bytes.fromhex(word[2:])
    assert word[0] == word[-1] == '"', word
    return word[1:-1].encode()


def hex_of(value):
    return f"0x{value.hex()}"


def _append(body, kind, word, labels):
    if kind == "f":
        body.append(_TRANSACTION_FIELDS.index(word))
    elif kind == "g":
        body.append(_GLOBAL_FIELDS.index(word))
    elif kind in "us":
        body += int(word).to_bytes(1, "big", signed=kind == "s")
    elif kind == "n":
        body += varuint(int(word))
    elif kind == "x":
        body += varuint(len(literal(word))) + literal(word)
    else:
        labels.append((len(body), word))
        body += b"\0\0"
