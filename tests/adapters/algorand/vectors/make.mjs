// Makes the golden vectors: what an installation signs and sends for given inputs, by the rules of
// docs and specification and by Algorand's own JavaScript SDK. Nothing here is shared with the adapter.
//
//   node tests/adapters/algorand/vectors/make.mjs            print them
//   node tests/adapters/algorand/vectors/make.mjs --write    rewrite vectors.json

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
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

// Tokens that are applications.  Programs are those of the committed artefacts, and everything else is
// from the contracts' docstrings: selectors, argument types, boxes and what they lock up.
const VOUCHER = { name: "Hazel", symbol: "HZL", decimals: 2, initial_supply: "1000", cap: "5000" };
const SHARE = { name: "Share", symbol: "SHR", decimals: 0, supply: (2n ** 256n - 1n).toString() };
const HOLDING = {
  name: "Elm Street", symbol: "ELM", decimals: 0, initial_supply: "1000", controller: address("manager"),
  require_justification: false, min_action_interval: 86400,
};
const APPLICATION = 1234567;
const VAULT = algosdk.getApplicationAddress(APPLICATION).toString();
const MAXIMUM = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
const CONTRACT_CASES = [
  { name: "a mintable token is created, for an issuer that does not exist yet", kind: "arc200_mintable", token: VOUCHER, issuer_is: NEW },
  {
    name: "a mintable token without a cap is created, with names as long as can be",
    kind: "arc200_mintable",
    token: { name: "\u20ac".repeat(10) + "ab", symbol: "\u{1f333}\u{1f333}", decimals: 255, initial_supply: "0" },
  },
  { name: "a preminted token is created", kind: "arc200_preminted", token: SHARE },
  { name: "a security is created", kind: "arc1400_mintable", token: HOLDING },
  {
    name: "a security that nobody controls is created, by an issuer that pays for itself",
    kind: "arc1400_mintable",
    token: { ...HOLDING, controller: null, controllable: false },
    self_funded: true,
  },
  { name: "a mintable token is bootstrapped", kind: "arc200_mintable", token: VOUCHER, step: 2 },
  { name: "a preminted token is bootstrapped for a holder", kind: "arc200_preminted", token: { ...SHARE, initial_holder: address("reserve") }, step: 2 },
  { name: "a security is bootstrapped", kind: "arc1400_mintable", token: HOLDING, step: 2 },
  { name: "a mintable token is bootstrapped by a rekeyed issuer that pays for itself", kind: "arc200_mintable", token: VOUCHER, step: 2, self_funded: true, issuer_signs: "guardian" },
  { name: "minted for the issuer", kind: "arc200_mintable", token: VOUCHER, order: "mint", fields: { amount: "77" }, has: ["issuer"] },
  { name: "minted for somebody new", kind: "arc200_mintable", token: VOUCHER, order: "mint", fields: { amount: MAXIMUM, to: address("reserve") } },
  { name: "minted for somebody new while the pool is congested", kind: "arc200_mintable", token: VOUCHER, order: "mint", fields: { amount: "1", to: address("reserve") }, fee_per_byte: 5 },
  { name: "minted for an issuer below its minimum", kind: "arc200_mintable", token: VOUCHER, order: "mint", fields: { amount: "1" }, has: ["issuer"], issuer_is: { amount: 300000, min_balance: 300001 } },
  { name: "burned", kind: "arc200_mintable", token: VOUCHER, order: "burn", fields: { amount: "5" } },
  { name: "paused", kind: "arc200_mintable", token: VOUCHER, order: "pause", fields: {} },
  { name: "unpaused, by a rekeyed issuer", kind: "arc200_mintable", token: VOUCHER, order: "unpause", fields: {}, issuer_signs: "guardian" },
  { name: "a security is issued to somebody new", kind: "arc1400_mintable", token: HOLDING, order: "mint", fields: { amount: "7", to: address("reserve"), data: "second tranche \u20ac" } },
  {
    name: "a security is issued in a partition that is new to its holder",
    kind: "arc1400_mintable",
    token: HOLDING,
    order: "mint",
    fields: { amount: "7", to: address("reserve"), partition: address("manager") },
    has: ["reserve"],
  },
  { name: "a security is redeemed", kind: "arc1400_mintable", token: HOLDING, order: "burn", fields: { amount: "7", partition: address("manager"), data: "x" } },
  { name: "a security is unpaused", kind: "arc1400_mintable", token: HOLDING, order: "unpause", fields: {} },
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

const STANDARDS = resolve(HERE, "../../../../adapters/algorand/standards");
const CONTRACTS = {
  arc200_mintable: ["arc200", "TallystickMintable", [3, 5, 0]],
  arc200_preminted: ["arc200", "TallystickPreminted", [2, 4, 0]],
  arc1400_mintable: ["arc1400", "TallystickSecurity", [8, 6, 1]],
};
const NOBODY = algosdk.encodeAddress(new Uint8Array(32));
const raw = (text) => algosdk.decodeAddress(text).publicKey;
const box = (letter, ...parts) => new Uint8Array(Buffer.concat([Buffer.from(letter), ...parts]));
const padded = (text, size) => new Uint8Array(Buffer.concat([Buffer.from(text), Buffer.alloc(size)]).subarray(0, size));
const uint256 = (text) => new Uint8Array(Buffer.from(BigInt(text).toString(16).padStart(64, "0"), "hex"));
const bytes = (text) => new Uint8Array(Buffer.concat([Buffer.from([0, Buffer.byteLength(text)]), Buffer.from(text)]));
const uint64 = (number) => new Uint8Array(Buffer.from(BigInt(number).toString(16).padStart(16, "0"), "hex"));
const flag = (value) => new Uint8Array([value ? 0x80 : 0]);
const selector = (signature) =>
  new Uint8Array(createHash("sha512-256").update(signature).digest().subarray(0, 4));

// The arguments of a call, and its boxes: [name, what it locks up if it is to be made].
function act(given, owner, operation) {
  const { token, kind } = given;
  const security = kind === "arc1400_mintable";
  const fields = given.fields ?? {};
  const named = [padded(token.name, 32), padded(token.symbol, 8), new Uint8Array([token.decimals])];
  if (!given.order && (given.step ?? 1) === 1) {
    if (kind === "arc200_preminted") return { args: [selector("create(byte[32],byte[8],uint8)void"), ...named], boxes: [] };
    if (!security) {
      return { args: [selector("create(byte[32],byte[8],uint8,uint256)void"), ...named, uint256(token.cap ?? MAXIMUM)], boxes: [] };
    }
    const controller = token.controller === null ? NOBODY : token.controller;
    const method = selector("create(byte[32],byte[8],uint8,address,bool,bool,uint64)void");
    const flags = [flag(token.controllable ?? true), flag(token.require_justification ?? true)];
    return { args: [method, ...named, raw(controller), ...flags, uint64(token.min_action_interval ?? 0)], boxes: [] };
  }
  const partition = fields.partition ?? NOBODY;
  const credited = (holder, known) => {
    const boxes = [[box("b", raw(holder)), known ? 0 : 28500]];
    if (security) {
      boxes.push([box("p", sha256(raw(holder), raw(partition))), known && !fields.partition ? 0 : 28500]);
      boxes.push([box("l", raw(holder)), known ? (fields.partition ? 12800 : 0) : 28500]);
    }
    return boxes;
  };
  const id = [box("o", operation), 18900];
  if (!given.order) {
    const holder = token.initial_holder ?? owner;
    const args = [operation, uint256(token.initial_supply ?? token.supply), raw(holder)];
    return { args: [selector("bootstrap(byte[32],uint256,address)void"), ...args], boxes: [id, ...credited(holder, false)] };
  }
  const data = bytes(fields.data ?? "");
  const to = fields.to ?? owner;
  const known = (given.has ?? []).map(address).includes(to);
  const method = {
    mint: security ? "issue_once(byte[32],address,address,uint256,byte[])void" : "mint(byte[32],address,uint256)void",
    burn: security ? "redeem_once(byte[32],address,uint256,byte[])void" : "burn(byte[32],uint256)void",
    pause: "pause(byte[32])void",
    unpause: "unpause(byte[32])void",
  }[given.order];
  const rest = {
    mint: () => (security ? [raw(to), raw(partition), uint256(fields.amount), data] : [raw(to), uint256(fields.amount)]),
    burn: () => (security ? [raw(partition), uint256(fields.amount), data] : [uint256(fields.amount)]),
    pause: () => [],
    unpause: () => [],
  }[given.order]();
  const touched = {
    mint: () => credited(to, known),
    burn: () => [[box("b", raw(owner)), 0], ...(security ? [[box("p", sha256(raw(owner), raw(partition))), 0]] : [])],
    pause: () => [],
    unpause: () => [],
  }[given.order]();
  return { args: [selector(method), operation, ...rest], boxes: [id, ...touched] };
}

function contractVector(given) {
  const input = {
    name: given.name,
    network: NETWORK,
    installation: INSTALLATION,
    organisation: ORGANISATION,
    operation: OPERATION,
    step: given.step ?? 1,
    kind: given.kind,
    token: given.token,
    order: given.order ?? null,
    fields: given.fields ?? {},
    place: given.order || given.step === 2 ? APPLICATION : null,
    valid_until: 45000149,
    last_round: 45000020,
    min_fee: 1000,
    fee_per_byte: given.fee_per_byte ?? 0,
    issuer_is: given.issuer_is ?? EXISTS,
    self_funded: given.self_funded ?? false,
    treasury_signs: "treasury",
    issuer_signs: given.issuer_signs ?? "issuer",
  };
  const owner = address("issuer");
  const operation = lease(input);
  const { args, boxes } = act(given, owner, operation);
  const [folder, contract, [uints, byteSlices, pages]] = CONTRACTS[given.kind];
  const artefact = JSON.parse(readFileSync(join(STANDARDS, folder, "artefact.json"))).contracts[contract];
  const program = (named) => new Uint8Array(Buffer.from(artefact[named].program, "base64"));
  const note = JSON.stringify({
    i: typeId("ins", INSTALLATION),
    g: typeId("org", ORGANISATION),
    o: typeId(input.order ? "op" : "dep", OPERATION),
    s: input.step,
  });
  const suggested = (fee) => ({
    fee,
    flatFee: true,
    minFee: 1000,
    firstValid: input.valid_until - NETWORK.window + 1,
    lastValid: input.valid_until,
    genesisID: NETWORK.genesis_id,
    genesisHash: new Uint8Array(Buffer.from(NETWORK.genesis_hash, "base64")),
  });
  const locked = input.place ? 0 : 100000 * (1 + pages) + 28500 * uints + 50000 * byteSlices;
  // Whoever bootstraps it brings its account into being; an order finds it as solvent as it must be.
  const inside = input.place && !input.order ? 100000 : 0;
  const deposit = inside + boxes.reduce((sum, [, cost]) => sum + cost, 0);
  const missing = Math.max(0, input.issuer_is.min_balance - input.issuer_is.amount);
  const made = (fee) => {
    const brought = locked + missing + (input.fee_per_byte ? fee : 0);
    const payments = [];
    if (!input.self_funded && (brought || !input.place)) payments.push([owner, brought]);
    if (input.place) payments.push([VAULT, deposit]);
    const count = payments.length + 1;
    const fees = input.fee_per_byte ? Array(count).fill(fee) : [count * fee, ...Array(count - 1).fill(0)];
    const transactions = payments.map(([receiver, amount], index) =>
      algosdk.makePaymentTxnWithSuggestedParamsFromObject({
        sender: input.self_funded ? owner : address("treasury"),
        receiver,
        amount,
        suggestedParams: suggested(fees[index]),
      }),
    );
    const common = {
      sender: owner,
      suggestedParams: suggested(fees.at(-1)),
      note: new TextEncoder().encode(`tallystick:j${note}`),
      lease: operation,
      appArgs: args,
      onComplete: algosdk.OnApplicationComplete.NoOpOC,
    };
    transactions.push(
      input.place
        ? algosdk.makeApplicationCallTxnFromObject({ ...common, appIndex: APPLICATION, boxes: boxes.map(([name]) => ({ appIndex: 0, name })) })
        : algosdk.makeApplicationCreateTxnFromObject({
            ...common,
            approvalProgram: program("approval"),
            clearProgram: program("clear"),
            numGlobalInts: uints,
            numGlobalByteSlices: byteSlices,
            numLocalInts: 0,
            numLocalByteSlices: 0,
            extraPages: pages,
          }),
    );
    if (transactions.length > 1) algosdk.assignGroupID(transactions);
    return transactions;
  };
  const signers = (count) => [
    ...Array(count - 1).fill(account(input.self_funded ? input.issuer_signs : input.treasury_signs)),
    account(input.issuer_signs),
  ];
  const signed = (transactions) =>
    transactions.map((each, index) => each.signTxn(signers(transactions.length)[index].sk));
  // Each pays for as many bytes as the longest of them can have.
  const fee = Math.max(1000, input.fee_per_byte * widest(made, signed));
  const transactions = made(fee);
  return {
    ...input,
    fee,
    boxes: boxes.map(([name, cost]) => [Buffer.from(name).toString("hex"), cost]),
    ids: transactions.map((each) => each.txID()),
    raw: Buffer.concat(signed(transactions).map((each) => Buffer.from(each))).toString("hex"),
  };
}

// With fees and amounts of five bytes, as no real one is longer.
function widest(made, signed) {
  return Math.max(...signed(made(2 ** 32 - 1)).map((each) => each.length));
}

const text = JSON.stringify([...CASES.map(vector), ...CONTRACT_CASES.map(contractVector)], null, 1) + "\n";
if (process.argv.includes("--write")) {
  writeFileSync(join(HERE, "vectors.json"), text);
} else {
  process.stdout.write(text);
}
