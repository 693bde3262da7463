// Compiles our Solidity and writes one artefact.json beside the sources of each folder.
//
//   node tools/compile_contracts.mjs            compile and rewrite
//   node tools/compile_contracts.mjs --check    compile and compare; exit 1 naming every difference
//
// An artefact is a function of the sources, the OpenZeppelin files they import and the compiler, all three pinned and
// hashed in it: two runs give the same bytes. That matters more than usual, because the address of a deployed token
// follows from its init code: other bytes are other addresses.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const TOOLS = dirname(fileURLToPath(import.meta.url));

const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  // The IR pipeline would save a tenth of the deployment gas; the older one has had more years to show its faults.
  viaIR: false,
  // OpenZeppelin 5.7 needs mcopy, hence Cancun; nothing newer, so that every shipped network can run the code.
  evmVersion: "cancun",
  // No metadata behind the code: its hash covers comments and file paths, so that a corrected comment would move the
  // address of every future token. The price is that explorers report a match of the code, not of the source text.
  metadata: { bytecodeHash: "none", appendCBOR: false },
};

// The factory's own address is the same on every chain: deployed by the well-known CREATE2 proxy, under this salt.
const CREATE2_PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
const CREATE2_PROXY_RUNTIME =
  "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";
const PROXY_SALT_LABELS = { TallystickFactory: "tallystick.factory.v2" };

const { values: options } = parseArgs({
  options: { check: { type: "boolean", default: false }, root: { type: "string", default: dirname(TOOLS) } },
});
const require = createRequire(import.meta.url);
const solc = loadCompiler();
const { keccak256: keccakHex } = createRequire(require.resolve("solc"))("js-sha3");
const folders = foldersWithContracts(resolve(options.root, "adapters/evm"));
if (folders.length === 0) fail(`no Solidity source under ${options.root}/adapters/evm`);
const differences = folders.flatMap((folder) => (options.check ? compare(folder) : rewrite(folder)));
if (differences.length > 0) {
  fail(
    "the committed artefacts are not what the sources compile to:\n" +
      differences.map((difference) => `  ${difference}\n`).join("") +
      "If the change is meant: `make contracts`, and commit the artefacts. Other creation code is other addresses.",
  );
}

function rewrite(folder) {
  const file = join(folder, "artefact.json");
  writeFileSync(file, artefact(folder));
  console.log(`wrote ${relative(options.root, file)}`);
  return [];
}

function compare(folder) {
  const file = join(folder, "artefact.json");
  const name = relative(options.root, file);
  if (!existsSync(file)) return [`${name}: missing`];
  const [committed, compiled] = [readFileSync(file, "utf8"), artefact(folder)];
  if (committed === compiled) {
    console.log(`${name} is what its sources compile to`);
    return [];
  }
  const found = differingPaths(parsed(committed), JSON.parse(compiled)).map((path) => `${name}: ${path}`);
  return found.length > 0 ? found : [`${name}: formatting`];
}

/** The text of one folder's artefact. */
function artefact(folder) {
  const own = readdirSync(folder).filter((name) => name.endsWith(".sol")).sort();
  const sources = Object.fromEntries(
    own.map((name) => [relative(options.root, join(folder, name)), { content: readFileSync(join(folder, name), "utf8") }]),
  );
  const imported = {};
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: "Solidity",
        sources,
        settings: {
          ...SETTINGS,
          outputSelection: {
            "*": {
              "": ["ast"],
              "*": ["abi", "evm.bytecode", "evm.deployedBytecode"],
            },
          },
        },
      }),
      {
        import: (path) => {
          const file = join(TOOLS, "node_modules", path);
          if (!existsSync(file)) return { error: `not installed: ${path}` };
          imported[path] = { content: readFileSync(file, "utf8") };
          return { contents: imported[path].content };
        },
      },
    ),
  );
  // A warning about a file of ours is a failure: nobody reads the warnings of a build that succeeds.
  const faults = (output.errors ?? []).filter(
    ({ severity, sourceLocation }) => severity === "error" || !(sourceLocation?.file in imported),
  );
  if (faults.length > 0) fail(faults.map(({ formattedMessage }) => formattedMessage).join("\n"));

  const declarations = immutableNames(output.sources);
  const contracts = {};
  for (const name of own) {
    const contract = basename(name, ".sol");
    const compiled = output.contracts[relative(options.root, join(folder, name))][contract];
    const isAbstract = compiled.evm.bytecode.object === "";
    if (!isAbstract) contracts[contract] = described(contract, compiled, declarations);
  }
  const hashes = Object.entries({ ...sources, ...imported }).map(([path, { content }]) => [path, keccak(content)]);
  return (
    JSON.stringify(
      {
        compiler: {
          package: "solc",
          version: solc.version().replace(/\.Emscripten.*$/, ""),
          sha256: createHash("sha256").update(readFileSync(require.resolve("solc/soljson.js"))).digest("hex"),
        },
        settings: SETTINGS,
        dependencies: dependencyVersions(Object.keys(imported)),
        sources: Object.fromEntries(hashes.sort(([a], [b]) => (a < b ? -1 : 1))),
        contracts,
      },
      null,
      2,
    ) + "\n"
  );
}

function described(contract, { abi, evm }, declarations) {
  const { bytecode, deployedBytecode } = evm;
  if (Object.keys(bytecode.linkReferences).length > 0) fail(`${contract} wants a linked library`);
  const creationCode = Buffer.from(bytecode.object, "hex");
  const runtimeCode = Buffer.from(deployedBytecode.object, "hex");
  const immutables = {};
  for (const [id, references] of Object.entries(deployedBytecode.immutableReferences)) {
    immutables[declarations.get(Number(id))] = references;
    for (const { start, length } of references) runtimeCode.fill(0, start, start + length);
  }
  const result = {
    abi,
    creationCode: hex(creationCode),
    creationCodeKeccak256: keccak(creationCode),
    // With zeros where the constructor writes immutables; a read-back puts zeros there too before it compares.
    runtimeCode: hex(runtimeCode),
    runtimeCodeKeccak256: keccak(runtimeCode),
    immutables: Object.fromEntries(Object.entries(immutables).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  const saltLabel = PROXY_SALT_LABELS[contract];
  return saltLabel ? { ...result, deployment: throughProxy(saltLabel, creationCode) } : result;
}

/** Where the well-known proxy puts this code: it passes our salt to CREATE2 as it is. */
function throughProxy(saltLabel, creationCode) {
  const salt = keccak(saltLabel);
  const address = keccak(
    Buffer.concat(["0xff", CREATE2_PROXY, salt, keccak(creationCode)].map((part) => Buffer.from(part.slice(2), "hex"))),
  ).slice(-40);
  return {
    proxy: CREATE2_PROXY,
    proxyRuntimeCodeKeccak256: keccak(Buffer.from(CREATE2_PROXY_RUNTIME.slice(2), "hex")),
    saltLabel,
    salt,
    address: checksummed(address),
  };
}

/** Immutables are listed by AST ids, which mean nothing to a reader: id → "Contract.variable". */
function immutableNames(sources) {
  const names = new Map();
  for (const { ast } of Object.values(sources)) {
    for (const contract of ast.nodes.filter(({ nodeType }) => nodeType === "ContractDefinition")) {
      for (const node of contract.nodes.filter(({ mutability }) => mutability === "immutable")) {
        names.set(node.id, `${contract.name}.${node.name}`);
      }
    }
  }
  return names;
}

function dependencyVersions(paths) {
  const packages = new Set(paths.map((path) => path.split("/").slice(0, path.startsWith("@") ? 2 : 1).join("/")));
  return Object.fromEntries(
    [...packages].sort().map((name) => {
      const { version, license } = JSON.parse(readFileSync(join(TOOLS, "node_modules", name, "package.json"), "utf8"));
      return [name, { version, license }];
    }),
  );
}

function differingPaths(committed, compiled, path = "") {
  if (committed === compiled) return [];
  const isBranch = (value) => typeof value === "object" && value !== null;
  if (!isBranch(committed) || !isBranch(compiled)) return [`${path}: ${shortened(committed)}, compiled ${shortened(compiled)}`];
  return [...new Set([...Object.keys(committed), ...Object.keys(compiled)])].flatMap((key) =>
    differingPaths(committed[key], compiled[key], path === "" ? key : `${path} > ${key}`),
  );
}

function shortened(value) {
  const text = value === undefined ? "absent" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
}

function foldersWithContracts(top) {
  const found = readdirSync(top, { recursive: true }).filter((name) => name.endsWith(".sol"));
  return [...new Set(found.map((name) => dirname(join(top, name))))].sort();
}

function loadCompiler() {
  try {
    return require("solc");
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return fail("solc is not installed in tools/node_modules: run `make setup`");
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** EIP-55: a digit is upper case where the hash of the lower-case address has its high bit set. */
function checksummed(address) {
  const digest = keccakHex(address);
  return "0x" + [...address].map((digit, i) => (parseInt(digest[i], 16) >= 8 ? digit.toUpperCase() : digit)).join("");
}

function keccak(content) {
  return "0x" + keccakHex(content);
}

function hex(bytes) {
  return "0x" + bytes.toString("hex");
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
