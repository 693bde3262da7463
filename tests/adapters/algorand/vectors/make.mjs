// Makes the golden vectors: what an installation signs and sends for given inputs, by the rules of
// docs and specification and by Algorand's own JavaScript SDK. Nothing here is shared with the adapter.
//
//   node tests/adapters/algorand/vectors/make.mjs            print them
//   node tests/adapters/algorand/vectors/make.mjs --write    rewrite vectors.json

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const algosdk = createRequire(resolve(HERE, "../../../../tools/package.json"))("algosdk");

const NETWORK = {
  id: "algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe",
  genesis_id: "testnet-v1.0",
  genesis_hash: "SGO1GKSzyE7IEPItTxCByw9x8FmnrCDexi9/cOUJOiI=",
  window: 150,
};
const INSTALLATION = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6";
const ORGANISATION = "0192f0c1-0000-7000-8000-000000000001";
const OPERATION = "0192f0c2-1122-7334-8556-778899aabbcc";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const account = (name) =>
  algosdk.mnemonicToSecretKey(algosdk.mnemonicFromSeed(new Uint8Array(sha256(`tallystick ${name}`))));
const address = (name) => account(name).addr.toString();

const EXISTS = { amount: 350000, min_balance: 300000 };
const NEW = { amount: 0, min_balance: 100000 };

const CID = "bafkreibbegfrrqj4iydezfi35luq5n6z2mcbxsxsflmo4nz6dr5pxgnqba";
// Where documents are published.
const PLACE = "https://meta.example.com/m/";

const CASES = [
  { name: "fungible, for an issuer that does not exist yet", issuer_is: NEW },
  {
    name: "every option",
    token: {
      name: "Hazel",
      unit_name: "HZL",
      total: "1000000",
      decimals: 6,
      url: "https://example.com/" + "h".repeat(76),
      metadata_hash: sha256("a document").toString("base64"),
      default_frozen: true,
      manager: address("manager"),
      reserve: address("reserve"),
      freeze: "issuer",
      clawback: null,
    },
  },
  {
    name: "nobody has a role, and everything is as large as can be",
    token: {
      name: "M".repeat(32),
      unit_name: "U".repeat(8),
      total: "18446744073709551615",
      decimals: 19,
      manager: null,
      reserve: null,
      freeze: null,
      clawback: null,
    },
  },
  {
    name: "one of a kind, with names of as many bytes as there may be",
    kind: "asa_nft",
    token: { name: "\u20ac".repeat(10) + "ab", unit_name: "\u91d1\u91d1ab", metadata_hash: sha256("x").toString("hex") },
  },
  { name: "names beyond the basic plane", kind: "asa_nft", token: { name: "\u{1f333}".repeat(8), unit_name: "\u{1f333}\u{1f333}" } },
  { name: "fractions, few", kind: "asa_fnft", token: { name: "House", unit_name: "HOUSE", decimals: 1 } },
  { name: "fractions, as many as can be", kind: "asa_fnft", token: { name: "House", unit_name: "HOUSE", decimals: 19 } },
  { name: "a rekeyed issuer", issuer_signs: "guardian" },
  { name: "a rekeyed treasury", treasury_signs: "guardian" },
  { name: "both rekeyed to one key", treasury_signs: "guardian", issuer_signs: "guardian" },
  { name: "an issuer that pays for itself", self_funded: true },
  { name: "a rekeyed issuer that pays for itself", self_funded: true, issuer_signs: "guardian" },
  { name: "the first window of a chain", valid_until: 149, last_round: 20 },
  { name: "a dearer chain, and a later step", min_fee: 2500, step: 258 },
  { name: "another operation", operation: "0192f0c2-ffff-7fff-bfff-ffffffffffff" },
  {
    name: "metadata: fungible, with none of its own",
    kind: "arc3_ft",
    token: { name: "Hazel", unit_name: "HZL", total: "1000000", decimals: 6 },
  },
  {
    name: "metadata: one of a kind, with all there may be",
    kind: "arc3_nft",
    token: {
      name: "\u20ac".repeat(10) + "ab",
      unit_name: "DEED",
      clawback: null,
      metadata: {
        description: 'Lines\n\tand "quotes", \\ / \u2603 \u{1f333} \u2028',
        image: "https://example.com/{id}.png",
        image_integrity: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        image_mimetype: "image/png",
        background_color: "00ffAA",
        external_url: "https://example.com/",
        animation_url: `ipfs://${CID}`,
        animation_url_mimetype: "audio/ogg",
        properties: { a: { b: [1, -2, "3"], "\u00e4": {} }, z: 9007199254740991 },
        extra_metadata: "iHcUslDaL/jEM/oTxqEX++4CS8o3+IZp7/V5Rgchqwc=",
        localization: {
          uri: `ipfs://${CID}/{locale}.json`,
          default: "en",
          locales: ["en", "de"],
          integrity: { de: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
        },
      },
    },
  },
  {
    name: "metadata: fractions, with extra metadata that is empty",
    kind: "arc3_fnft",
    token: { name: "House", unit_name: "HOUSE", decimals: 3, metadata: { extra_metadata: "" } },
  },
  { name: "another organisation", organisation: "0192f0c1-0000-7000-8000-000000000002" },
];

const TOKEN = { name: "Gold", unit_name: "GLD", total: "1000", decimals: 2 };

// TypeID 0.3: 128 bits as 26 letters of Crockford's alphabet.
function typeId(prefix, uuid) {
  let number = BigInt("0x" + uuid.replaceAll("-", ""));
  let letters = "";
  for (let i = 0; i < 26; i += 1, number >>= 5n) {
    letters = "0123456789abcdefghjkmnpqrstvwxyz"[Number(number & 31n)] + letters;
  }
  return `${prefix}_${letters}`;
}

function lease(input) {
  const bytes = (uuid) => Buffer.from(uuid.replaceAll("-", ""), "hex");
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(input.step));
  const parts = [
    Buffer.from("tallystick/algorand/lease/1"),
    bytes(input.installation),
    Buffer.from(input.network.id),
    bytes(input.organisation),
    bytes(input.operation),
    step,
  ];
  return new Uint8Array(
    sha256(...parts.flatMap((part) => [Buffer.from([0, 0, part.length >> 8, part.length & 255]), part])),
  );
}

// ARC-3: what is published, and how the asset is bound to it.
function published(token) {
  const { name, decimals = 0, metadata = {} } = token;
  const document = Buffer.from(JSON.stringify({ name, decimals, ...metadata }));
  const narrow = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha512-256")).digest();
  const extra = metadata.extra_metadata;
  const hash =
    extra === undefined
      ? sha256(document)
      : narrow("arc0003/am", narrow("arc0003/amj", document), Buffer.from(extra, "base64"));
  return { document, url: `${PLACE}${sha256(document).toString("base64url")}#arc3`, hash: hash.toString("base64") };
}

function vector(given) {
  const input = {
    name: given.name,
    network: NETWORK,
    installation: INSTALLATION,
    organisation: given.organisation ?? ORGANISATION,
    operation: given.operation ?? OPERATION,
    step: given.step ?? 1,
    kind: given.kind ?? "asa_ft",
    token: given.token ?? TOKEN,
    valid_until: given.valid_until ?? 45000149,
    last_round: given.last_round ?? 45000020,
    min_fee: given.min_fee ?? 1000,
    issuer_is: given.issuer_is ?? EXISTS,
    self_funded: given.self_funded ?? false,
    treasury_signs: given.treasury_signs ?? "treasury",
    issuer_signs: given.issuer_signs ?? "issuer",
  };
  const owner = address("issuer");
  const role = (name) => {
    const named = input.token[name] === undefined ? "issuer" : input.token[name];
    return named === "issuer" ? owner : (named ?? undefined);
  };
  const pointed = input.kind.startsWith("arc3_") ? published(input.token) : undefined;
  const hash = pointed ? pointed.hash : input.token.metadata_hash;
  const suggested = (fee) => ({
    fee,
    flatFee: true,
    minFee: input.min_fee,
    firstValid: Math.max(1, input.valid_until - NETWORK.window + 1),
    lastValid: input.valid_until,
    genesisID: NETWORK.genesis_id,
    genesisHash: new Uint8Array(Buffer.from(NETWORK.genesis_hash, "base64")),
  });
  const note = JSON.stringify({
    i: typeId("ins", input.installation),
    g: typeId("org", input.organisation),
    o: typeId("dep", input.operation),
    s: input.step,
  });
  const decimals = input.token.decimals ?? 0;
  const creation = algosdk.makeAssetCreateTxnWithSuggestedParamsFromObject({
    sender: owner,
    suggestedParams: suggested(input.self_funded ? input.min_fee : 0),
    note: new TextEncoder().encode(`tallystick:j${note}`),
    lease: lease(input),
    total: input.token.total !== undefined ? BigInt(input.token.total) : 10n ** BigInt(decimals),
    decimals,
    defaultFrozen: input.token.default_frozen ?? false,
    unitName: input.token.unit_name,
    assetName: input.token.name,
    assetURL: pointed ? pointed.url : input.token.url,
    assetMetadataHash: hash && new Uint8Array(Buffer.from(hash, hash.length === 64 ? "hex" : "base64")),
    manager: role("manager"),
    reserve: role("reserve"),
    freeze: role("freeze"),
    clawback: role("clawback"),
  });
  const transactions = [creation];
  const signers = [account(input.issuer_signs)];
  if (!input.self_funded) {
    const missing = Math.max(0, input.issuer_is.min_balance - input.issuer_is.amount);
    transactions.unshift(
      algosdk.makePaymentTxnWithSuggestedParamsFromObject({
        sender: address("treasury"),
        receiver: owner,
        amount: 100000 + missing,
        suggestedParams: suggested(2 * input.min_fee),
      }),
    );
    signers.unshift(account(input.treasury_signs));
    algosdk.assignGroupID(transactions);
  }
  const signed = transactions.map((each, index) => each.signTxn(signers[index].sk));
  return {
    ...input,
    document: pointed && pointed.document.toString("utf8"),
    ids: transactions.map((each) => each.txID()),
    raw: Buffer.concat(signed.map((each) => Buffer.from(each))).toString("hex"),
  };
}

const text = JSON.stringify(CASES.map(vector), null, 1) + "\n";
if (process.argv.includes("--write")) {
  writeFileSync(join(HERE, "vectors.json"), text);
} else {
  process.stdout.write(text);
}
