// Checks a pack with the page's own script: {script, pack, given, flips} on standard input, a list
// of reports on standard output. A flip is [byte, bit]; null is the pack as it is.
"use strict";

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", async () => {
  const { script, pack, given, flips, lacking } = JSON.parse(Buffer.concat(chunks));
  if (lacking) {
    const { importKey } = crypto.subtle;
    crypto.subtle.importKey = (format, key, name, ...rest) => (name === "Ed25519"
      ? Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))
      : importKey.call(crypto.subtle, format, key, name, ...rest));
  }
  const { verify } = require(script);
  const reports = [];
  for (const flip of flips) {
    const bytes = new Uint8Array(Buffer.from(pack, "base64"));
    if (flip) bytes[flip[0]] ^= 1 << flip[1];
    reports.push(await verify(bytes, given));
  }
  process.stdout.write(JSON.stringify(reports));
});
