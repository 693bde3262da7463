// Renders /openapi.json: every operation with its schemas, and a form to try it out.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

const SCHEMAS = "#/components/schemas/";

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const nameOf = (schema) => schema.$ref?.split("/").pop();

function schemaText(schema) {
  return JSON.stringify(schema, null, 2);
}

function schemaBlock(title, schema, description) {
  const name = nameOf(schema);
  const full = name ? description.components.schemas[name] : schema;
  const block = make("details", {},
    make("summary", { textContent: name ? `${title}: ${name}` : title }),
    make("pre", { tabIndex: 0 }, make("code", { textContent: schemaText(full) })));
  // What it is made of, when somebody looks: a schema may be within itself.
  block.addEventListener("toggle", () => block.append(...namesWithin(full).map(
    (each) => schemaBlock("Within it", { $ref: `${SCHEMAS}${each}` }, description))), { once: true });
  return block;
}

function namesWithin(schema) {
  const found = schemaText(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
  return [...new Set([...found].map(([, name]) => name))];
}

function exampleOf(operation, description) {
  const schema = operation.requestBody?.content["application/json"].schema;
  if (!schema) return null;
  return description.components.schemas[nameOf(schema)].example ?? {};
}

function inputsOf(operation, form) {
  return operation.parameters.map((parameter) => {
    const id = `${operation.operationId}-${parameter.name}`;
    const input = make("input", { id, type: "text", autocomplete: "off" });
    if (parameter.name === "Idempotency-Key") input.value = crypto.randomUUID();
    const needed = parameter.required ? "" : ", optional";
    form.append(
      make("label", { htmlFor: id, textContent: `${parameter.name} (${parameter.in}${needed})` }),
      input);
    return { parameter, input };
  });
}

function requestOf(path, method, inputs, body) {
  const headers = {};
  const query = new URLSearchParams();
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (!input.value) continue;
    else if (parameter.in === "query") query.set(parameter.name, input.value);
    else headers[parameter.name] = input.value;
  }
  const key = document.getElementById("key").value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  const url = query.size ? `${path}?${query}` : path;
  return [url, { method: method.toUpperCase(), headers, body, cache: "no-store" }];
}

async function show(response, output) {
  output.textContent = `${response.status} ${response.headers.get("X-Request-Id") ?? ""}\n`;
  const kind = response.headers.get("Content-Type") ?? "";
  if (kind.startsWith("text/event-stream")) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      output.textContent += value;
    }
  }
  const text = await response.text();
  output.textContent += kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
}

function tryOut(path, method, operation, description) {
  const form = make("form");
  const inputs = inputsOf(operation, form);
  const example = exampleOf(operation, description);
  let area = null;
  if (example !== null) {
    const id = `${operation.operationId}-body`;
    area = make("textarea", { id, spellcheck: false, value: JSON.stringify(example, null, 2) });
    form.append(make("label", { htmlFor: id, textContent: "Body" }), area);
  }
  const output = make("pre", { tabIndex: 0, ariaLive: "polite" });
  form.append(make("button", { type: "submit", textContent: "Send" }), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await show(await fetch(...requestOf(path, method, inputs, area ? area.value : null)), output);
    } catch (error) {
      output.textContent = `No answer: ${error.message}`;
    }
  });
  return make("details", {}, make("summary", { textContent: "Try it" }), form);
}

function operationBlock(path, method, operation, description) {
  const block = make("details", { className: "operation", id: operation.operationId },
    make("summary", {},
      make("span", { className: "method", textContent: method }),
      make("code", { textContent: path }), ` ${operation.summary}`));
  if (operation.description) block.append(make("p", { textContent: operation.description }));
  const body = operation.requestBody?.content["application/json"].schema;
  if (body) block.append(schemaBlock("Request", body, description));
  for (const [status, response] of Object.entries(operation.responses)) {
    const [content] = Object.values(response.content ?? {});
    if (status < 400) {
      block.append(content
        ? schemaBlock(`Answer ${status}`, content.schema, description)
        : make("p", { textContent: `Answer ${status}, without a body.` }));
    } else {
      const line = make("p", {}, `${status}: `);
      for (const code of response.description.split(", ")) {
        line.append(make("a", { href: `/errors#${code}`, textContent: code }), " ");
      }
      block.append(line);
    }
  }
  block.append(tryOut(path, method, operation, description));
  return block;
}

async function render() {
  const description = await (await fetch("/openapi.json")).json();
  document.getElementById("about").textContent =
    `${description.info.summary} API version ${description.info.version}.`;
  const byTag = new Map();
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((each) => each in item)) {
      const operation = item[method];
      if (!byTag.has(operation.tags[0])) byTag.set(operation.tags[0], []);
      byTag.get(operation.tags[0]).push([path, method, operation]);
    }
  }
  const main = document.getElementById("operations");
  const contents = document.getElementById("contents");
  for (const [tag, operations] of byTag) {
    main.append(make("h2", { textContent: tag.replaceAll("_", " ") }));
    for (const [path, method, operation] of operations) {
      main.append(operationBlock(path, method, operation, description));
      contents.append(make("a", { href: `#${operation.operationId}`, textContent: `${method.toUpperCase()} ${path}` }));
    }
  }
  main.append(make("h2", { textContent: "Tokens, by kind" }));
  for (const [name, schema] of Object.entries(description.components.schemas)) {
    if (name.startsWith("Token_")) main.append(schemaBlock(name.slice(6), schema, description));
  }
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target) { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
}

document.getElementById("key-form").addEventListener("submit", (event) => event.preventDefault());
render().catch((error) => {
  document.getElementById("about").textContent = `The description could not be loaded: ${error.message}`;
});
