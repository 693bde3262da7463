// Checks an evidence pack with WebCrypto, as docs/evidence.md says. No request is made.
//
// The same steps and codes as the command's, but for transactions: SHA-512/256, keccak-256 and
// secp256k1 are not in WebCrypto, so that what was signed for a chain is not looked at here.
"use strict";

(() => {
  const FORMAT = "tallystick.evidence/1";
  const LARGEST = 32 * 2 ** 20;
  const DEEPEST = 32;
  const INSTALLATION = `org_${"0".repeat(26)}`;
  const LEAF_DOMAIN = "tallystick.audit.v1\0";
  const PLAN_DOMAIN = "tallystick.plan.v2\0";
  const WITH_EFFECT = "POST_DEPLOYMENT_FAILED";

  class Refused extends Error {
    constructor(code, where, expected, found) {
      super(`${code} at ${where}`);
      Object.assign(this, { code, where, expected: shown(expected), found: shown(found) });
    }
  }
  class Unusable extends Error {}

  const shown = (value) => {
    const text = value instanceof Uint8Array ? hex(value)
      : typeof value === "string" ? value : JSON.stringify(value) ?? "none";
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  };
  const refuse = (...difference) => { throw new Refused(...difference); };

  // Bytes.

  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => Array.from(part)));
  const equal = (a, b) => a.length === b.length && a.every((byte, n) => byte === b[n]);
  const sha256 = async (...parts) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));

  function unbase64(text, where) {
    let found;
    try {
      found = atob(text);
    } catch {
      refuse("not_base64", where, "base64", text);
    }
    if (btoa(found) !== text) refuse("not_base64", where, btoa(found), text);
    return Uint8Array.from(found, (letter) => letter.charCodeAt(0));
  }

  // Canonical JSON: RFC 8785, restricted; read by writing it again and comparing.

  function read(bytes, where) {
    let text, value;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      if (depthOf(text) > DEEPEST) throw new SyntaxError(`nested more than ${DEEPEST} deep`);
      value = parse(text, where);
    } catch (error) {
      if (error instanceof Refused) throw error;
      refuse("not_json", where, "canonical JSON in UTF-8", error.message);
    }
    const written = write(value, where);
    if (written !== text) {
      let at = 0;
      while (written[at] === text[at]) at += 1;
      refuse("not_canonical", `${where}, letter ${at}`, written.slice(at, at + 20), text.slice(at, at + 20));
    }
    return value;
  }

  // JSON.parse takes the last of two members with one name, and 1.0 for 1; here both are refused.
  function parse(text, where) {
    const TOKEN = /([[\]{},:])|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|(true|false|null|NaN|-?Infinity)/y;
    let mark, string, number, word, at = 0;
    const skip = () => {
      while (" \t\n\r".includes(text[at] ?? "end")) at += 1;
    };
    const next = () => {
      [mark, string, number, word] = [];
      skip();
      const begin = at;
      if (text[at] === '"') {
        // By hand: a pattern runs out of stack in a text with millions of escapes.
        at += 1;
        while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
        at += 1;
        if (at > text.length) throw new SyntaxError("a text does not end");
        string = text.slice(begin, at);
        return;
      }
      TOKEN.lastIndex = at;
      const token = TOKEN.exec(text);
      if (!token) throw new SyntaxError("a value, or a mark, was expected");
      at = TOKEN.lastIndex;
      [, mark, number, word] = token;
    };
    const expect = (...marks) => {
      if (!marks.includes(mark)) throw new SyntaxError(`${marks.join(" or ")} was expected`);
    };
    const value = () => {
      if (number !== undefined) {
        if (!/^-?[0-9]{1,17}$/.test(number) || !Number.isSafeInteger(Number(number))) {
          refuse("not_json", where, "integers below 2^53, and no other numbers", number);
        }
        return Number(number);
      }
      if (string !== undefined) return JSON.parse(string);
      if (word !== undefined) return JSON.parse(word);
      expect("[", "{");
      return mark === "[" ? list() : object();
    };
    const list = () => {
      const found = [];
      next();
      if (mark === "]") return found;
      for (;;) {
        found.push(value());
        next();
        expect(",", "]");
        if (mark === "]") return found;
        next();
      }
    };
    const object = () => {
      const found = new Map();
      let twice;
      next();
      while (mark !== "}") {
        if (string === undefined) throw new SyntaxError("a name was expected");
        const name = JSON.parse(string);
        if (found.has(name)) twice = name;
        next();
        expect(":");
        next();
        found.set(name, value());
        next();
        expect(",", "}");
        if (mark === ",") {
          next();
          if (mark === "}") throw new SyntaxError("a name was expected");
        }
      }
      if (twice !== undefined) refuse("duplicate_member", where, "each name once", twice);
      return Object.fromEntries(found);
    };
    next();
    const found = value();
    skip();
    if (at < text.length) throw new SyntaxError("something follows");
    return found;
  }

  function depthOf(text) {
    let deepest = 0, depth = 0, isText = false;
    for (const [mark] of text.matchAll(/\\[^]|["[{\]}]/g)) {
      if (mark === '"') isText = !isText;
      else if (!isText && mark.length === 1) {
        depth += "[{".includes(mark) ? 1 : -1;
        deepest = Math.max(deepest, depth);
      }
    }
    return deepest;
  }

  function write(value, where) {
    if (typeof value === "string") {
      if (/\p{Surrogate}/u.test(value)) refuse("not_json", where, "Unicode", "a lone surrogate");
      return JSON.stringify(value);
    }
    if (value === null || typeof value === "boolean") return String(value);
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value)) refuse("not_json", where, "integers below 2^53", value);
      return String(value);
    }
    if (Array.isArray(value)) return `[${value.map((item) => write(item, where)).join(",")}]`;
    const names = Object.keys(value).sort();
    for (const name of names) {
      if (/[^\0-\x7f]/.test(name)) refuse("not_json", where, "names in ASCII", name);
    }
    return `{${names.map((name) => `${JSON.stringify(name)}:${write(value[name], where)}`).join(",")}}`;
  }

  // Shapes.

  const must = (condition, where, expected, value) =>
    condition || refuse("wrong_value", where, expected, value);
  const text = (value, where) => must(typeof value === "string", where, "a text", value);
  const boolean = (value, where) => must(typeof value === "boolean", where, "true or false", value);
  const integer = (value, where) =>
    must(typeof value === "number" && value >= 0, where, "an integer from 0", value);
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const anyObject = (value, where) => must(isObject(value), where, "an object", value);
  const oneOf = (...values) => (value, where) =>
    must(values.includes(value), where, values.join(" or "), value);
  const like = (pattern, expected) => (value, where) =>
    must(typeof value === "string" && pattern.test(value), where, expected, value);
  const anId = (...prefixes) =>
    like(new RegExp(`^(?:${prefixes.join("|")})_[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$`), `an id ${prefixes[0]}_…`);
  const coded = (length = null) => (value, where) => {
    text(value, where);
    const found = unbase64(value, where).length;
    must(length === null || found === length, where, `${length} bytes`, found);
  };
  const orNull = (check) => (value, where) => value === null || check(value, where);
  const listOf = (check, least = 0, most = Infinity) => (value, where) => {
    must(Array.isArray(value), where, "a list", value);
    must(least <= value.length && value.length <= most, where, `${least} to ${most} entries`, value.length);
    value.forEach((item, n) => check(item, `${where}[${n}]`));
  };
  const members = (shape, optional = []) => (value, where) => {
    anyObject(value, where);
    for (const name of Object.keys(shape)) {
      if (!Object.hasOwn(value, name) && !optional.includes(name)) refuse("missing_member", where, name, "none");
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(shape, name)) refuse("unknown_member", where, "none", name);
      shape[name](value[name], where ? `${where}.${name}` : name);
    }
  };
  const before = (a, b) => {
    // By code points, as UTF-8 sorts; JavaScript's own order is by halves of them.
    const [one, other] = [Array.from(a), Array.from(b)];
    const at = one.findIndex((letter, n) => letter !== other[n]);
    if (at < 0) return one.length < other.length;
    return other[at] !== undefined && one[at].codePointAt(0) < other[at].codePointAt(0);
  };
  const ascending = (of, check) => (value, where) => {
    check(value, where);
    value.slice(1).forEach((item, n) => {
      const [a, b] = [of(value[n]), of(item)];
      must(typeof a === "number" ? a < b : before(a, b), where, "ascending, and each once", b);
    });
  };
  const counted = (check) => (value, where) => {
    check(value, where);
    value.forEach((each, n) => must(each.number === n + 1, where, "numbers from 1", each.number));
  };
  // Up to 2^256, which has 78 digits.
  const DIGITS = like(/^(?:0|[1-9][0-9]{0,77})$/, "a decimal number of up to 78 digits as text");
  const LEASE = like(/^(?:[0-9a-f]{2}){0,32}$/, "up to 32 bytes, hexadecimal");
  // What a chain calls something by. It is shown beside what is proved, and has no blanks, so that
  // nobody's sentence can stand there.
  const NAME = like(/^[-0-9A-Za-z._:/+=]{1,128}$/, "a name of up to 128 letters without blanks");
  const HASH = like(/^[0-9a-f]{64}$/, "32 bytes, hexadecimal");
  const INSTANT = (value, where) => {
    like(/^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$/, "an instant")(value, where);
    const second = new Date(`${value.slice(0, 19)}Z`);
    const isReal = !Number.isNaN(second.getTime()) && second.toISOString().startsWith(value.slice(0, 19));
    must(isReal, where, "a day and a time that there are", value);
  };
  const NETWORK = like(/^[-a-z0-9]{3,10}:[-_a-zA-Z0-9]{1,32}$/, "a CAIP-2 name");
  const NODE = coded(32);
  const PARAMETERS = (value, where) => {
    anyObject(value, where);
    for (const [name, item] of Object.entries(value)) {
      must(item === null || typeof item !== "object", `${where}.${name}`, "a text, integer or boolean", item);
    }
  };
  const RECEIPT = members(
    { digest: HASH, key: text, key_version: text, purpose: text, request_id: text, signer: text }, ["request_id"]);
  const INCLUSION = members({
    block: members({ hash: NAME, number: integer }), cost: DIGITS, succeeded: boolean, transaction_id: NAME,
  });
  const ATTEMPT = members({
    broadcast_at: orNull(INSTANT), cost: orNull(DIGITS), fee_cap: DIGITS, number: integer,
    origin: oneOf("signed", "found"), raw: orNull(coded()), receipts: listOf(RECEIPT), rejected: boolean,
    role: oneOf("effect", "fill"), signed_at: INSTANT, transaction_id: NAME,
  });
  const SLOT = members({
    attempts: listOf(ATTEMPT), lease: orNull(LEASE), network: NETWORK,
    number: integer, sequence: orNull(integer), signer: text,
    state: oneOf("open", "used", "spent", "lost", "expired"), valid_until: orNull(integer),
  });
  const STEP = members({
    inclusion: orNull(INCLUSION), is_final: boolean, name: text, number: integer, slots: counted(listOf(SLOT)),
  });
  const DEPLOYMENT = members({
    accepted_at: INSTANT, client_reference: orNull(text), credits: integer,
    declared_value: orNull(members({ amount_minor: integer, currency: text })),
    failure: orNull(members({ reason: text, without_effect: boolean })), fee_ceiling: DIGITS,
    hold: orNull(anId("hold")), id: anId("dep"), kind: oneOf("deployment"), live: boolean,
    metadata: ascending((pair) => pair[0], listOf(listOf(text, 2, 2))), network: NETWORK, owner: orNull(text),
    payer: oneOf("sponsored", "self"), plan_hash: orNull(HASH), predicted: orNull(text),
    requested_by: anId("mem", "key"), result: orNull(NAME), sender: text,
    state: oneOf("Completed", "Failed", "Cancelled"), token: members({ kind: text, parameters: PARAMETERS }),
  });
  const PLAN = members({
    address: orNull(text), credits: integer, fee_ceiling: DIGITS, hash: HASH, kind: text, network: NETWORK,
    owner: text, sender: text, steps: listOf(members({ name: text, signers: listOf(text) })), token: PARAMETERS,
  });
  const CORE = members({
    account: orNull(members({
      address: orNull(text), custodian: text, family: oneOf("algorand", "evm"), id: anId("acct"), key: orNull(text),
    })),
    anchors: ascending((network) => network, listOf(NETWORK)), approvals: listOf(text, 0, 0),
    deployment: DEPLOYMENT, installation: anId("ins"), organisation: anId("org"), plan: orNull(PLAN),
    signers: ascending((signer) => signer.address, listOf(members({
      address: text, curve: oneOf("ed25519", "secp256k1"), key: text, public_key: coded(),
    }))),
    steps: counted(listOf(STEP, 1)),
  });
  const PACK = members({
    checkpoint: text,
    consistency: ascending((proof) => proof.size, listOf(members({ path: listOf(NODE), size: integer }))),
    core: CORE,
    events: listOf(members({ body: coded(), index: integer, path: listOf(NODE), salt: coded(16) }), 1),
    format: text, key: NODE,
  });
  const BODY = members({
    action: text, api_version: text, at: INSTANT, correlation_id: text, details: anyObject, id: anId("evt"),
    actor: members({ id: orNull(text), kind: oneOf("member", "api_key", "worker", "operator", "payments") }),
    live: boolean, organisation: anId("org"), request_id: orNull(text),
    schema: (value, where) => must(value === 1, where, 1, value), sequence: integer, subject: text,
  });

  const atLeast = (shape, optional = []) => (value, where) => {
    anyObject(value, where);
    for (const [name, check] of Object.entries(shape)) {
      if (Object.hasOwn(value, name)) check(value[name], `${where}.${name}`);
      else if (!optional.includes(name)) refuse("missing_member", where, name, "none");
    }
  };
  const scalar = (value, where) => must(value === null || typeof value !== "object", where, "no object", value);
  const SIGNED = atLeast({
    attempt: atLeast({
      broadcast_at: text, fee_cap: scalar, number: integer, origin: text, role: text, signed_at: text, transaction_id: text,
    }, ["broadcast_at"]),
    step: integer,
  });
  const FOUND = atLeast({ slot: atLeast({ number: integer }) }, ["slot"]);
  const SENT = atLeast({ at: text, step: integer, transaction_id: text });
  const SEEN = atLeast({
    inclusion: atLeast({ block: anyObject, cost: scalar, succeeded: boolean, transaction_id: text }), step: integer,
  });
  const MOVE = atLeast({ state: text, state_before: text }, ["state", "state_before"]);
  const POSTING = atLeast({ amount: integer, credit: text, debit: text, hold: anId("hold") });
  // What is looked at in the details of events; what else is in them is nobody's concern here.
  const DETAILS = new Map(Object.entries({
    "deployment.queued": atLeast({
      credits: integer, issue: orNull(atLeast({ decimals: integer, supply: DIGITS })), kind: text, network: text,
    }, ["issue"]),
    "deployment.slot_reserved": atLeast({ slot: atLeast({ number: integer }), step: integer }),
    "deployment.submitted": SIGNED, "deployment.replaced": SIGNED, "deployment.slot_filling": SIGNED,
    "deployment.step_signed": SIGNED, 
    "deployment.effect_found": (value, where) => { SIGNED(value, where); FOUND(value, where); },
    "deployment.pending": SENT, "deployment.sent_again": SENT, "deployment.step_sent": SENT,
    "deployment.rejected": atLeast({ step: integer, transaction_id: text }),
    "deployment.included": SEEN, "deployment.block_vanished": atLeast({ step: integer }), "deployment.step_confirmed": SEEN,
    "deployment.confirmed": (value, where) => { SEEN(value, where); atLeast({ token: text })(value, where); },
    "deployment.indexed": atLeast({ token: text }),
    "deployment.completed": atLeast({ credits: integer }),
    "deployment.slot_spent": atLeast({ slot_state: text, step: integer }),
    "deployment.failed": atLeast({ reason: text, without_effect: boolean }),
    "deployment.retry_requested": atLeast({ hold: text }, ["hold"]), "credits.held": POSTING,
    "evidence.issued": atLeast({ digest: text, format: text }),
    "checkpoint.anchored": atLeast({
      block: members({ hash: NAME, number: integer }), network: NETWORK, origin: text, root: HASH, size: integer,
      transaction_id: NAME,
    }),
  }));

  function checkDetails({ action, details }, where) {
    (DETAILS.get(action) ?? anyObject)(details, where);
    if (action.startsWith("deployment.")) MOVE(details, where);
    else if (action.startsWith("credits.") && Object.hasOwn(details, "hold")) POSTING(details, where);
  }

  // The tree: RFC 9162, 2.1.3.2 and 2.1.4.2. Halving by division: the operators on bits have 32.

  const half = (number) => Math.floor(number / 2);
  const isPowerOfTwo = (number) => number === 1 || (number % 2 === 0 && isPowerOfTwo(number / 2));
  const nodeOf = (left, right) => sha256([1], left, right);

  async function isIncluded(leaf, index, size, path, root) {
    if (index >= size) return false;
    let [fn, sn, r] = [index, size - 1, leaf];
    for (const p of path) {
      if (sn === 0) return false;
      if (fn % 2 || fn === sn) {
        r = await nodeOf(p, r);
        while (fn % 2 === 0 && fn) [fn, sn] = [half(fn), half(sn)];
      } else {
        r = await nodeOf(r, p);
      }
      [fn, sn] = [half(fn), half(sn)];
    }
    return sn === 0 && equal(r, root);
  }

  async function isConsistent(first, second, firstRoot, secondRoot, path) {
    if (first <= 0 || first > second) return false;
    if (first === second) return path.length === 0 && equal(firstRoot, secondRoot);
    const [c0, ...rest] = isPowerOfTwo(first) ? [firstRoot, ...path] : path;
    if (c0 === undefined) return false;
    let [fn, sn, fr, sr] = [first - 1, second - 1, c0, c0];
    while (fn % 2) [fn, sn] = [half(fn), half(sn)];
    for (const c of rest) {
      if (sn === 0) return false;
      if (fn % 2 || fn === sn) {
        [fr, sr] = [await nodeOf(c, fr), await nodeOf(c, sr)];
        while (fn % 2 === 0 && fn) [fn, sn] = [half(fn), half(sn)];
      } else {
        sr = await nodeOf(sr, c);
      }
      [fn, sn] = [half(fn), half(sn)];
    }
    return sn === 0 && equal(fr, firstRoot) && equal(sr, secondRoot);
  }

  // The signed checkpoint.

  const NOTE =
    /^(([!-*,-~]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/=]+)\n)\n\u2014 ([!-*,-~]+) ([A-Za-z0-9+/=]+)\n$/;

  async function checkpointOf(note, key) {
    const form = note.length <= 4096 ? NOTE.exec(note) : null;
    if (!form) refuse("malformed_note", "checkpoint", "three lines, an empty one, and one signature", note);
    const [, signed, origin, size, rootText, name, markText] = form;
    const [root, mark] = [unbase64(rootText, "checkpoint"), unbase64(markText, "checkpoint")];
    if (root.length !== 32 || mark.length !== 68 || name !== origin || !Number.isSafeInteger(Number(size))) {
      refuse("malformed_note", "checkpoint", "a root of 32 bytes, and 68 of the origin's signature", note);
    }
    if (size === "0" && !equal(root, await sha256())) refuse("malformed_note", "checkpoint", "the root of nothing", root);
    const id = (await sha256(utf8(origin), [10, 1], key)).slice(0, 4);
    const isSigned = equal(mark.slice(0, 4), id) && await isSignedBy(key, mark.slice(4), utf8(signed));
    if (!isSigned) refuse("note_signature", "checkpoint", "a signature by the key", "none");
    return { origin, size: Number(size), root };
  }

  // The y of the eight points of small order, under which a signature can be made without a secret.
  const P = 2n ** 255n - 19n;
  const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
  const SMALL_ORDER = [0n, 1n, P - 1n, Y8, P - Y8];

  function isKey(key) {
    const y = BigInt(`0x${hex(key.slice().reverse())}`) & (2n ** 255n - 1n);
    return y < P && !SMALL_ORDER.includes(y);
  }

  async function isSignedBy(key, signature, message) {
    if (!isKey(key)) return false;
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    } catch (error) {
      if (error.name !== "NotSupportedError") return false;
      throw new Unusable(
        "This browser has no Ed25519 in WebCrypto, so the signature cannot be checked, and nothing is proved. "
        + "Use a newer browser, or tallystick-verify.");
    }
    return crypto.subtle.verify("Ed25519", imported, signature, message);
  }

  // What events say.

  const MOVES = {
    submitted: ["Queued Submitted"], pending: ["Submitted Pending"],
    effect_found: ["Queued Pending", "Submitted Pending"], confirmed: ["Pending Confirmed"],
    indexed: ["Confirmed Indexed"], completed: ["Confirmed Completed", "Indexed Completed"],
    failed: ["Queued Failed", "Submitted Failed", "Pending Failed", "Confirmed Failed", "Indexed Failed"],
    cancelled: ["Queued Cancelled"], retry_requested: ["Failed Queued"],
  };
  const MAY_STAND = ["pending", "effect_found"];
  const REASONS = {
    Queued: ["DEPLOYMENT_VALIDATION_FAILED"], Submitted: ["TRANSACTION_SUBMISSION_FAILED"],
    Pending: ["TRANSACTION_REVERTED", WITH_EFFECT], Confirmed: [WITH_EFFECT], Indexed: [WITH_EFFECT],
  };
  const SIGNING = ["submitted", "replaced", "slot_filling", "step_signed"];
  const SENDING = ["pending", "sent_again", "step_sent"];
  const ENDING = ["confirmed", "step_confirmed"];
  const PLACE = ["network", "signer", "sequence", "lease", "valid_until"];

  const stepOf = (event) => event.body.action.slice(event.body.action.indexOf(".") + 1);
  const has = (object, name) => isObject(object) && Object.hasOwn(object, name);
  function detail(event, ...path) {
    let found = event.body.details;
    for (const name of path) {
      if (!has(found, name)) refuse("malformed_event", `${event.where}.details`, path.join("."), "none");
      found = found[name];
    }
    return found;
  }
  const same = (where, expected, found) =>
    write(expected ?? null, where) === write(found ?? null, where)
    || refuse("core_differs", where, expected ?? null, found ?? null);

  function checkMoves(deployment, events) {
    if (events[0]?.body.action !== "deployment.queued") {
      refuse("history_incomplete", "events", "deployment.queued first", events[0]?.body.action);
    }
    const states = ["Queued"];
    let failure = null;
    for (const event of events.slice(1)) {
      const [action, details] = [stepOf(event), event.body.details];
      if (action === "queued") refuse("history_incomplete", event.where, "deployment.queued once", "again");
      const allowed = Object.hasOwn(MOVES, action) ? MOVES[action] : [];
      if (!has(details, "state") && !has(details, "state_before")) {
        if (allowed.length && !MAY_STAND.includes(action)) {
          refuse("illegal_transition", event.where, "a move", "none");
        }
        continue;
      }
      const [from, to] = [detail(event, "state_before"), detail(event, "state")];
      if (!allowed.includes(`${from} ${to}`) || from !== states.at(-1)) {
        refuse("illegal_transition", event.where, `from ${states.at(-1)}: ${allowed.join(" or ")}`, `${from} ${to}`);
      }
      if (action === "failed") {
        failure = { reason: detail(event, "reason"), without_effect: detail(event, "without_effect") };
        const isOne = REASONS[from].includes(failure.reason);
        if (!isOne || failure.without_effect !== (failure.reason !== WITH_EFFECT)) {
          refuse("illegal_transition", event.where, REASONS[from].join(" or "), failure);
        }
      }
      if (action === "retry_requested") {
        if (!failure?.without_effect) refuse("illegal_transition", event.where, "one without effect", failure);
        failure = null;
      }
      states.push(to);
    }
    if (states.at(-1) !== deployment.state) {
      refuse("history_incomplete", "core.deployment.state", states.at(-1), deployment.state);
    }
    same("core.deployment.failure", failure, deployment.failure);
    return states;
  }

  function checkRequest(core, about, accountEvents) {
    const { deployment, account } = core;
    const queued = about[0];
    for (const name of ["network", "credits"]) same(`core.deployment.${name}`, detail(queued, name), deployment[name]);
    for (const event of about) same(`${event.where}.live`, deployment.live, event.body.live);
    same("core.deployment.requested_by", queued.body.actor.id, deployment.requested_by);
    same("core.deployment.token.kind", detail(queued, "kind"), deployment.token.kind);
    const accepted = about.filter((each) => ["queued", "retry_requested"].includes(stepOf(each))).at(-1);
    same("core.deployment.accepted_at", accepted.body.at, deployment.accepted_at);
    if (account === null) return;
    for (const name of ["address", "key"]) {
      const said = accountEvents.filter((each) => has(each.body.details, name));
      if (account[name] !== null && !said.length) {
        refuse("history_incomplete", `core.account.${name}`, "an event of it", "none");
      }
      same(`core.account.${name}`, said.at(-1)?.body.details[name], account[name]);
    }
    if (deployment.owner !== null) same("core.deployment.owner", account.address, deployment.owner);
  }

  // What was done on chain, as the events tell it: carried out once more, and held against the records.

  function checkSteps(core, events) {
    const steps = core.steps.map(() => ({ inclusion: null, is_final: false, slots: [] }));
    for (const event of events) happened(event, steps);
    steps.forEach((said, n) => compareStep(`core.steps[${n}]`, said, core.steps[n]));
    checkResult(core.deployment, events);
  }

  const impossible = (event, expected) =>
    refuse("history_incomplete", event.where, `${expected}, before ${event.body.action}`, "not so");
  const attemptOf = (slot, id) => slot.attempts.find((each) => each.transaction_id === id);
  const isOpen = (slot) => slot?.state === "open";

  function happened(event, steps) {
    const name = stepOf(event);
    const hasBegun = steps.some((step) => step.is_final);
    const hasOpen = steps.some((step) => step.slots.some(isOpen));
    if (name === "failed") {
      const isWithEffect = detail(event, "reason") === WITH_EFFECT;
      if (!isWithEffect && (hasBegun || hasOpen)) impossible(event, "no step that is done, and no slot that is open");
      if (isWithEffect && detail(event, "state_before") === "Pending" && (!hasBegun || hasOpen)) {
        impossible(event, "a step that is done, and no slot that is open");
      }
    } else if (name === "cancelled" && (hasBegun || hasOpen)) {
      impossible(event, "no slot that is open");
    } else if (["slot_reserved", "effect_found", ...SIGNING].includes(name)) {
      signed(event, current(event, steps));
    } else if (["included", "block_vanished", "rejected", "slot_spent", ...SENDING, ...ENDING].includes(name)) {
      landed(event, current(event, steps), steps);
    }
  }

  // The step that is worked on, which is the one that the event names.
  function current(event, steps) {
    const at = steps.findIndex((step) => !step.is_final);
    if (at < 0 || detail(event, "step") !== at + 1) impossible(event, `step ${at + 1}`);
    return steps[at];
  }

  function signed(event, step) {
    const { slots } = step;
    const [isReserved, isFound] = [stepOf(event) === "slot_reserved", stepOf(event) === "effect_found"];
    const isThere = isOpen(slots.at(-1));
    if (isReserved || (isFound && !isThere)) {
      const slot = detail(event, "slot");
      const number = slots.length + 1;
      // One that was found comes with its place alone.
      if (isThere || detail(event, "slot", "number") !== (isReserved ? number : 1)) {
        impossible(event, `slot ${number}, and none that is open`);
      }
      const place = Object.fromEntries(PLACE.map((name) => [name, slot[name] ?? null]));
      slots.push({ ...place, attempts: [], number, state: "open" });
    } else if (!isThere) {
      impossible(event, "a slot that is open");
    }
    if (isReserved) return;
    const attempt = detail(event, "attempt");
    const number = 1 + slots.reduce((count, slot) => count + slot.attempts.length, 0);
    const role = stepOf(event) === "slot_filling" ? "fill" : "effect";
    if (attempt.number !== number || attempt.origin !== (isFound ? "found" : "signed") || attempt.role !== role
      || slots.some((slot) => attemptOf(slot, attempt.transaction_id))) {
      impossible(event, `attempt ${number}, once`);
    }
    const { origin, signed_at, transaction_id } = attempt;
    slots.at(-1).attempts.push({
      number, origin, role, signed_at, transaction_id, broadcast_at: attempt.broadcast_at ?? null, cost: null,
      fee_cap: String(attempt.fee_cap), rejected: false,
      receipts: has(event.body.details, "receipts") ? event.body.details.receipts : [],
    });
  }

  function landed(event, step, steps) {
    const [name, slot] = [stepOf(event), step.slots.at(-1)];
    if (!isOpen(slot)) impossible(event, "a slot that is open");
    if (name === "included" || ENDING.includes(name)) {
      const inclusion = { ...detail(event, "inclusion"), cost: String(detail(event, "inclusion", "cost")) };
      const attempt = attemptOf(slot, inclusion.transaction_id) ?? impossible(event, "an attempt in the open slot");
      const isAnother = step.inclusion !== null && step.inclusion.transaction_id !== inclusion.transaction_id;
      if (name === "included" && isAnother && tookEffect(step, slot)) {
        impossible(event, "that the block of what took effect has vanished");
      }
      step.inclusion = inclusion;
      if (name === "included") return;
      if (!inclusion.succeeded || attempt.role !== "effect") impossible(event, "an attempt that took effect");
      [attempt.cost, slot.state, step.is_final] = [inclusion.cost, "used", true];
      if (steps.every((each) => each.is_final) !== (name === "confirmed")) {
        impossible(event, "confirmed once all steps are done, and not before");
      }
    } else if (name === "block_vanished") {
      if (step.inclusion === null) impossible(event, "a block that it was in");
      step.inclusion = null;
    } else if (name === "slot_spent") {
      spent(event, step, slot);
    } else {
      const attempt = attemptOf(slot, detail(event, "transaction_id")) ?? impossible(event, "an attempt in the open slot");
      attempt.rejected = name === "rejected";
      if (SENDING.includes(name)) attempt.broadcast_at ??= detail(event, "at");
    }
  }

  // The slot ended without the effect: a window by itself, a nonce by what took it.
  function spent(event, step, slot) {
    const state = detail(event, "slot_state");
    if (!(slot.valid_until !== null ? ["expired"] : ["spent", "lost"]).includes(state)) {
      impossible(event, "an end that such a slot can have");
    }
    if (tookEffect(step, slot)) impossible(event, "no attempt that took effect, or its block has vanished");
    if (state === "spent") {
      const [id, { inclusion }] = [detail(event, "transaction_id"), step];
      const attempt = attemptOf(slot, id);
      if (!attempt || inclusion === null || inclusion.transaction_id !== id) {
        impossible(event, "an attempt that was seen in a block");
      }
      attempt.cost = inclusion.cost;
    }
    [slot.state, step.inclusion] = [state, null];
  }

  // Whether the effect stands in a block, as far as has been told.
  const tookEffect = ({ inclusion }, slot) =>
    inclusion !== null && inclusion.succeeded && attemptOf(slot, inclusion.transaction_id)?.role === "effect";

  function compareStep(where, said, step) {
    const count = (place, told, there) => told.length === there.length
      || refuse("history_incomplete", place, `${told.length}, as the events say`, there.length);
    for (const name of ["is_final", "inclusion"]) same(`${where}.${name}`, said[name], step[name]);
    count(`${where}.slots`, said.slots, step.slots);
    step.slots.forEach((slot, m) => {
      const [told, place] = [said.slots[m], `${where}.slots[${m}]`];
      for (const name of ["number", "state", ...PLACE]) same(`${place}.${name}`, told[name], slot[name]);
      count(`${place}.attempts`, told.attempts, slot.attempts);
      slot.attempts.forEach((attempt, o) => {
        for (const [name, value] of Object.entries(told.attempts[o])) {
          same(`${place}.attempts[${o}].${name}`, value, attempt[name]);
        }
      });
    });
  }

  // Where the token is: as was planned, unless it failed because it is not.
  function checkResult(deployment, events) {
    const of = (name) => events.filter((each) => stepOf(each) === name);
    const tokenOf = (name) => of(name).map((each) => detail(each, "token")).at(-1);
    const [place, token] = [tokenOf("step_confirmed"), tokenOf("confirmed")];
    if (place !== undefined) same("core.deployment.predicted", place, deployment.predicted);
    same("core.deployment.result", token, deployment.result);
    if (deployment.predicted && token !== undefined && deployment.failure === null) {
      same("core.deployment.predicted", deployment.result, deployment.predicted);
    }
    for (const event of of("indexed")) same("core.deployment.result", detail(event, "token"), deployment.result);
    for (const event of of("completed")) same("core.deployment.credits", detail(event, "credits"), deployment.credits);
  }

  // What became of the price: one hold for each time that it was asked for, and one end for each.

  const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
  const uuidOf = (id) => Array.from(id.slice(-26)).reduce((value, letter) => value * 32n + BigInt(LETTERS.indexOf(letter)), 0n)
    .toString(16).padStart(32, "0");

  function checkCredits(deployment, own) {
    const holds = holdsOf(deployment, own);
    const price = deployment.credits;
    const postings = own.filter((each) => each.body.action.startsWith("credits."));
    for (const event of postings) {
      const { credit, debit, hold } = event.body.details;
      if (credit === "spent" && !(debit === "held" && holds.includes(hold))) {
        refuse("credits_differ", event.where, "what was held for it, and nothing else", hold);
      }
    }
    const isDue = deployment.state === "Completed" || (deployment.failure !== null && !deployment.failure.without_effect);
    const became = holds.map((hold) => {
      const { spentOf, there } = carriedOut(postings.filter((each) => each.body.details.hold === hold));
      const wanted = hold === holds.at(-1) && isDue ? price : 0;
      if (there.get("held") || spentOf !== wanted) {
        refuse("credits_differ", hold, `${price} held, ${wanted} of it spent, none left`, `${spentOf} spent, ${there.get("held")} left`);
      }
      const ends = [...ENDS].filter(([account]) => there.get(account));
      const words = ends.length === 1 ? ends[0][1]
        : ends.map(([account, said]) => `${there.get(account)} of them ${said}`).join(", ");
      return `${price} credits were held, and ${words}`;
    });
    return became.join("; ") || "It cost no credits";
  }

  // What was spent of one hold, and where its credits are in the end.
  const ENDS = new Map([["spent", "captured"], ["available", "given back"], ["expired", "expired"]]);
  function carriedOut(lines) {
    const there = new Map();
    const add = (account, amount) => there.set(account, (there.get(account) ?? 0) + amount);
    let spentOf = 0;
    for (const event of lines) {
      const [debit, credit, amount] = ["debit", "credit", "amount"].map((name) => detail(event, name));
      if (event.body.action !== "credits.held") {
        if (!ENDS.has(credit) || debit === credit || amount > (there.get(debit) ?? 0)) {
          refuse("credits_differ", event.where, `of what is held, to ${[...ENDS.keys()].join(" or ")}`,
            `${amount} from ${debit} to ${credit}`);
        }
        add(debit, -amount);
      }
      add(credit, amount);
      if (credit === "spent") spentOf += amount;
    }
    return { spentOf, there };
  }

  // Those that paid, in order: each was taken right before it was asked for, or asked for again.
  function holdsOf(deployment, own) {
    const holds = [];
    let taken = [];
    for (const event of own) {
      const { action, details, sequence } = event.body;
      if (action === "credits.held") taken.push(event);
      if (action !== "deployment.queued" && action !== "deployment.retry_requested") continue;
      if (taken.length !== (deployment.credits ? 1 : 0)) {
        refuse("credits_differ", event.where, "one credits.held before it", `${taken.length} before event ${sequence}`);
      }
      for (const each of taken) {
        const there = ["amount", "debit", "credit"].map((name) => detail(each, name)).join(" ");
        const wanted = `${deployment.credits} available held`;
        if (there !== wanted) refuse("credits_differ", each.where, wanted, there);
        holds.push(detail(each, "hold"));
      }
      taken = [];
      if (action === "deployment.retry_requested" && holds.length
        && details.hold?.replaceAll("-", "") !== uuidOf(holds.at(-1))) {
        refuse("credits_differ", event.where, holds.at(-1), details.hold);
      }
    }
    if (taken.length || new Set(holds).size !== holds.length) {
      refuse("credits_differ", "events", "a hold for each time that it was asked for", "more");
    }
    if (deployment.hold !== (holds.at(-1) ?? null)) {
      refuse("credits_differ", "core.deployment.hold", holds.at(-1) ?? "none", deployment.hold);
    }
    return holds;
  }

  // The check, in its order.

  async function eventsOf(pack, checkpoint) {
    const events = [];
    const [indices, ids, places] = [new Set(), new Set(), new Set()];
    for (const [n, each] of pack.events.entries()) {
      const where = `events[${n}]`;
      const [salt, raw] = [unbase64(each.salt, where), unbase64(each.body, where)];
      const path = each.path.map((node) => unbase64(node, where));
      const leaf = await sha256([0], utf8(LEAF_DOMAIN), salt, raw);
      if (!await isIncluded(leaf, each.index, checkpoint.size, path, checkpoint.root)) {
        refuse("not_in_tree", where, `leaf ${each.index} of ${checkpoint.size} under ${hex(checkpoint.root)}`, leaf);
      }
      if (indices.has(each.index)) refuse("index_repeated", where, "each index once", each.index);
      let body;
      try {
        body = read(raw, `${where}.body`);
        BODY(body, `${where}.body`);
        checkDetails(body, `${where}.body.details`);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refuse("malformed_event", error.where, error.expected, error.found);
      }
      const place = `${body.organisation} ${body.sequence}`;
      if (ids.has(body.id) || places.has(place)) {
        refuse("event_repeated", where, "each id and each sequence once", `${body.id} ${place}`);
      }
      indices.add(each.index);
      ids.add(body.id);
      places.add(place);
      events.push({ where: `${where}.body`, index: each.index, body });
    }
    return events;
  }

  function sortedOut(core, events) {
    const [anchors, own] = [[], []];
    for (const event of events) {
      const { body } = event;
      if (body.action === "checkpoint.anchored" && body.organisation === INSTALLATION) {
        anchors.push(event);
        continue;
      }
      if (body.organisation !== core.organisation) {
        refuse("other_organisation", event.where, core.organisation, body.organisation);
      }
      const isCredit = /^(?:credits|balance)\./.test(body.action) && body.correlation_id === core.deployment.id;
      if (!isCredit && body.subject !== core.deployment.id && body.subject !== core.account?.id) {
        refuse("other_subject", event.where, core.deployment.id, body.subject);
      }
      if (anchors.length && event !== events.at(-1)) refuse("out_of_order", event.where, "an anchor", body.action);
      own.push(event);
    }
    for (const some of [own, anchors]) {
      some.slice(1).forEach((event, n) => {
        if (event.body.sequence <= some[n].body.sequence || event.index <= some[n].index) {
          refuse("out_of_order", event.where, `sequence and leaf above ${some[n].body.sequence}, ${some[n].index}`,
            `${event.body.sequence}, ${event.index}`);
        }
      });
    }
    return { anchors, own };
  }

  // Whose key, slot and network it was is what was planned; without a plan, what was asked for.
  function checkParties({ account, deployment, plan, steps }) {
    const family = new Map([["eip155", "evm"], ["algorand", "algorand"]]).get(deployment.network.split(":")[0]);
    if (account !== null && family) same("core.account.family", family, account.family);
    const names = (some) => write(some.map((step) => step.name), "steps");
    if (plan !== null && names(steps) !== names(plan.steps)) {
      refuse("plan_hash", "core.plan.steps", names(steps), names(plan.steps));
    }
    const known = [deployment.sender, deployment.owner];
    steps.forEach((step, n) => step.slots.forEach((slot, m) => {
      const where = `core.steps[${n}].slots[${m}]`;
      const signers = plan === null ? known : plan.steps[n].signers;
      same(`${where}.network`, deployment.network, slot.network);
      if (!signers.includes(slot.signer) || !signers.every((each) => known.includes(each))) {
        refuse("core_differs", `${where}.signer`, known, [slot.signer, ...signers]);
      }
      checkBounds(where, deployment, step.slots.slice(0, m), slot);
    }));
  }

  // Windows follow each other, and no attempt at the effect offers more than was agreed.
  function checkBounds(where, { fee_ceiling: ceiling }, earlier, slot) {
    const over = Math.max(0, ...earlier.map((each) => each.valid_until ?? 0));
    if (slot.valid_until !== null && slot.valid_until <= over) {
      refuse("history_incomplete", `${where}.valid_until`, `a window behind ${over}`, slot.valid_until);
    }
    slot.attempts.forEach((attempt, o) => {
      // A fill serves those behind it, whatever was agreed for this one.
      if (attempt.role === "effect" && BigInt(attempt.fee_cap) > BigInt(ceiling)) {
        refuse("core_differs", `${where}.attempts[${o}].fee_cap`, `at most ${ceiling}`, attempt.fee_cap);
      }
    });
  }

  async function checkPlan(core, proves, leaves) {
    const { plan, deployment } = core;
    if (plan === null) return leaves("plan", "What was planned: the pack has no plan");
    const { hash, ...content } = plan;
    const digest = hex(await sha256(utf8(PLAN_DOMAIN), utf8(write(content, "core.plan"))));
    const wanted = {
      credits: deployment.credits, fee_ceiling: deployment.fee_ceiling, network: deployment.network,
      owner: deployment.owner, sender: deployment.sender, kind: deployment.token.kind,
      token: deployment.token.parameters, hash: deployment.plan_hash ?? digest,
    };
    if (plan.address !== null) wanted.address = deployment.predicted;
    for (const [name, value] of Object.entries(wanted)) {
      const found = name === "hash" ? digest : plan[name];
      if (hash !== digest || write(value, name) !== write(found, name)) {
        refuse("plan_hash", `core.plan.${name}`, value, plan[name]);
      }
    }
    return deployment.plan_hash === null
      ? leaves("plan", "That the parameters are those of the request: it named no plan, so that they are what the operator has recorded")
      : proves("plan", `The plan is the one that the request named: ${digest}`);
  }

  async function noteOf(origin, size, root) {
    const wide = new DataView(new ArrayBuffer(8));
    wide.setBigUint64(0, BigInt(size));
    return hex(joined(utf8("tlog/1"), await sha256(utf8(origin)), new Uint8Array(wide.buffer), root));
  }

  async function checkAnchors(pack, checkpoint, anchors, own, note, proves, leaves) {
    const proofs = new Map(pack.consistency.map((proof) => [proof.size, proof.path]));
    const roots = new Map();
    for (const event of anchors) {
      const [origin, size, root] = ["origin", "size", "root"].map((name) => detail(event, name));
      if (origin !== checkpoint.origin) refuse("anchor_differs", event.where, checkpoint.origin, origin);
      if (!proofs.has(size) || (roots.has(size) && roots.get(size) !== root)) {
        refuse("anchor_differs", event.where, "one root of its size, and the proof", `${size} ${root}`);
      }
      roots.set(size, root);
      const path = proofs.get(size).map((node) => unbase64(node, "consistency"));
      if (!await isConsistent(size, checkpoint.size, unhex(root), checkpoint.root, path)) {
        refuse("anchor_differs", event.where, `the beginning of ${hex(checkpoint.root)}`, root);
      }
    }
    for (const size of proofs.keys()) {
      if (!roots.has(size)) refuse("anchor_differs", "consistency", "sizes of anchors", size);
    }
    if (note) {
      const prefix = (await noteOf(checkpoint.origin, 0, [])).slice(0, 76);
      const known = new Map([[checkpoint.size, hex(checkpoint.root)], ...roots]);
      const size = parseInt(note.slice(76, 92), 16);
      if (!/^[0-9a-f]{156}$/.test(note) || !note.startsWith(prefix) || !known.has(size)) {
        refuse("anchor_note", "the note", `${prefix}…, and a size of ${[...known.keys()].join(" or ")}`, note);
      }
      if (known.get(size) !== note.slice(92)) refuse("two_histories", "the note", known.get(size), note.slice(92));
      proves("anchor_note", `What you read off a chain is the root of this log at ${size} events: whoever is shown `
        + "another history of these finds out in the same way");
    }
    for (const event of anchors) {
      const [size, network] = [detail(event, "size"), detail(event, "network")];
      const covered = own.filter((each) => each.index < size).length;
      proves("anchor", `This log begins with the ${size} events that are said to be anchored on ${network}: `
        + `${covered} of the ${own.length} above are among them`);
      if (!pack.core.anchors.includes(network)) {
        leaves("anchor", `That the operator anchors on ${network}: the records do not name it`);
      }
      const wanted = await noteOf(checkpoint.origin, size, unhex(roots.get(size)));
      if (wanted !== note) {
        leaves("anchor", `That transaction ${detail(event, "transaction_id")} in block ${detail(event, "block", "number")} `
          + `of ${network} says ${wanted}, in its note or at the end of its data: read it on a node that you trust, and give it here`);
      }
    }
    if (!anchors.length) leaves("anchor", "That the log was fixed on a chain: this pack has no anchor");
  }

  async function check(bytes, given, proves, leaves) {
    const pack = read(bytes, "the file");
    if (has(pack, "format") && pack.format !== FORMAT) refuse("unknown_format", "format", FORMAT, pack.format);
    PACK(pack, "");
    const { core } = pack;
    const { deployment } = core;
    const key = unbase64(pack.key, "key");
    const fingerprint = hex(await sha256(key));
    const checkpoint = await checkpointOf(pack.checkpoint, key);
    const { origin } = checkpoint;
    if (!new RegExp(`^[^/]+/audit/${core.installation}/[1-9][0-9]*$`).test(origin)) {
      refuse("other_installation", "checkpoint", `…/audit/${core.installation}/<number>`, origin);
    }
    const isNamed = given.keys.includes(fingerprint);
    if (given.keys.length && !isNamed) {
      refuse("other_key", "key", given.keys.join(" or "), `${fingerprint}, of the log ${origin}`);
    }
    proves("checkpoint", `The key ${fingerprint} has signed that the log ${origin} has ${checkpoint.size} `
      + `events, with the root ${hex(checkpoint.root)}`);
    if (isNamed) proves("key", `It is the key that you named for ${origin}`);
    else leaves("key", `That the key ${fingerprint} is the operator's for ${origin} (each log that was opened has its own): `
      + "ask for its fingerprint by another way, and name it here");

    const events = await eventsOf(pack, checkpoint);
    proves("events", `${events.length} audit events are in that log, bit for bit`);
    const last = events.at(-1);
    if (last.body.action !== "evidence.issued") refuse("not_issued", last.where, "evidence.issued", last.body.action);
    const digest = hex(await sha256(utf8(write(core, "core"))));
    const said = `${detail(last, "format")} ${detail(last, "digest")}`;
    if (said !== `${FORMAT} ${digest}`) refuse("core_digest", "core", said, `${FORMAT} ${digest}`);
    if (last.body.subject !== deployment.id) refuse("not_issued", last.where, deployment.id, last.body.subject);
    proves("core", `The records of ${deployment.id} are those that the log has committed to in ${last.body.id}, at `
      + `${last.body.at} by the operator's clock`);

    const { anchors, own } = sortedOut(core, events);
    const told = own.slice(0, -1);
    const about = told.filter((each) =>
      each.body.subject === deployment.id && each.body.action.startsWith("deployment."));
    const states = checkMoves(deployment, about);
    checkRequest(core, about, told.filter((each) => each.body.action.startsWith("account.")));
    checkSteps(core, about);
    proves("history", `It went ${states.join(" → ")}, each by an event of the log and a rule of the table; every attempt `
      + "and slot of the records has its event");
    if (deployment.result !== null) {
      const { issue } = about[0].body.details;
      const of = issue ? `, of ${issue.supply} base units, with ${issue.decimals} decimals` : "";
      proves("result", `The log says that ${deployment.result} was issued${of}`);
    }
    proves("credits", checkCredits(deployment, told));
    checkParties(core);
    await checkPlan(core, proves, leaves);
    await checkAnchors(pack, checkpoint, anchors, own, given.note, proves, leaves);
    tellTheRest(core, own, events, leaves);
  }

  // Clocks of an operator's machines may differ by five seconds.
  const microseconds = ({ body: { at } }) => BigInt(Date.parse(`${at.slice(0, 19)}Z`)) * 1000n + BigInt(at.slice(20, 26));

  function tellTheRest(core, own, events, leaves) {
    const sequences = own.map((each) => each.body.sequence);
    const gaps = sequences.flatMap((number, n) => {
      const from = (sequences[n - 1] ?? 0) + 1;
      return number === from ? [] : [number === from + 1 ? `${from}` : `${from}-${number - 1}`];
    });
    if (gaps.length) {
      leaves("other_events", `What the organisation's events ${gaps.join(", ")} say: they are not in this pack, and may be about other things`);
    }
    leaves("transactions", "That signed bytes are called by their hash, and signed by the keys of their accounts: "
      + "WebCrypto has not what it takes; tallystick-verify does it");
    for (const { inclusion } of core.steps) {
      if (inclusion !== null) {
        leaves("block", `That block ${inclusion.block.number} (${inclusion.block.hash}) of ${core.deployment.network} has `
          + `transaction ${inclusion.transaction_id}: look it up on a node that you trust`);
      }
    }
    leaves("one_history", "That the operator has not shown another history to somebody else: compare with an anchor, or "
      + "with a checkpoint that others have (tallystick-verify --checkpoint)");
    if (!core.steps.some((step) => step.is_final)) {
      const ids = core.steps.flatMap((step) => step.slots.flatMap((slot) => slot.attempts.map((each) => each.transaction_id)));
      leaves("no_effect", ids.length ? `That none of ${ids.join(", ")} took effect: look them up` : "That nothing of it is on chain");
    }
    leaves("left_out", "That nothing happened which was never written to the log, and that what was written was true when it was");
    const back = events.slice(1).filter((after, n) => events[n].body.organisation === after.body.organisation
      && microseconds(after) < microseconds(events[n]) - 5_000_000n).map((each) => each.body.sequence);
    if (back.length) {
      leaves("time_goes_back", `That events ${back.join(", ")} of the organisation came when they say: the one before each `
        + "says that it came later, by more than 5 seconds");
    }
    leaves("time", "When it was: instants are those of the operator's clock; what is anchored was there before its block");
    leaves("later", `What became of it after event ${sequences.at(-1)} of ${core.organisation}`);
  }

  // {verdict, proved, not_proved, refused}, as the command's --json; verdict "unusable" says why in `reason`.
  async function verify(bytes, given = {}) {
    const [proved, notProved] = [[], []];
    try {
      if (!globalThis.crypto?.subtle) {
        throw new Unusable("WebCrypto is for pages served with TLS, from this machine, or from disk.");
      }
      if (bytes.length > LARGEST) throw new Unusable(`more than ${LARGEST} bytes`);
      // On EVM networks an anchor stands behind a call of 68 bytes.
      const note = given.note?.length === 2 * (68 + 78) ? given.note.slice(2 * 68) : given.note;
      const keys = (given.key ?? "").split(/[\s,]+/).filter(Boolean);
      const strange = keys.find((each) => !/^[0-9a-f]{64}$/.test(each));
      if (strange) throw new Unusable(`${strange.slice(0, 100)} is no fingerprint: 64 hexadecimal digits`);
      await check(bytes, { keys, note },
        (code, words) => proved.push({ code, text: words }), (code, words) => notProved.push({ code, text: words }));
      return { verdict: "proved", proved, not_proved: notProved, refused: null };
    } catch (error) {
      if (error instanceof Unusable) {
        return { verdict: "unusable", reason: error.message, proved: [], not_proved: [], refused: null };
      }
      if (!(error instanceof Refused)) throw error;
      const { code, where, expected, found } = error;
      return { verdict: "refused", proved: [], not_proved: [], refused: { code, where, expected, found } };
    }
  }

  // The page.

  function make(tag, content, ...children) {
    const element = document.createElement(tag);
    if (content !== null) element.textContent = content;
    element.append(...children);
    return element;
  }

  function told(report) {
    const lists = [["Proved", report.proved], ["Not proved", report.not_proved]];
    if (report.verdict === "proved") {
      return lists.flatMap(([title, statements]) => [
        make("h2", title), make("ul", null, ...statements.map((each) => make("li", each.text))),
      ]);
    }
    if (report.verdict === "unusable") return [make("h2", "Not checked"), make("p", report.reason)];
    const { code, where, expected, found } = report.refused;
    return [
      make("h2", `Refused: ${code}`),
      make("p", `At ${where}: expected ${expected}, found ${found}.`),
    ];
  }

  function page() {
    const [form, answer] = ["check", "answer"].map((id) => document.getElementById(id));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const value = (id) => document.getElementById(id).value.trim().toLowerCase();
      answer.replaceChildren(make("p", "Checking…"));
      try {
        const bytes = new Uint8Array(await document.getElementById("file").files[0].arrayBuffer());
        const given = { key: value("key"), note: value("note").replace(/^0x/, "") };
        answer.replaceChildren(...told(await verify(bytes, given)));
      } catch (error) {
        answer.replaceChildren(make("h2", "Not checked"), make("p", String(error)));
      }
    });
  }

  if (typeof document !== "undefined") page();
  if (typeof module !== "undefined") module.exports = { isKey, verify };
})();
