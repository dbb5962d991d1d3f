/** The document as a page for people: text and a style of its own. No script, nothing from elsewhere. */
import type { Document } from "./document.ts";
import { type Field, type OperationOutline, outlineOf } from "./outline.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #0a7d55; }
@media (prefers-color-scheme: dark) { :root { --mark: #4fd1a1; } }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
nav { columns: 2; padding: .5rem 1rem; background: var(--soft); }
nav p { margin: 0 0 .5rem; break-inside: avoid; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin-top: 2rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
h3 b { color: var(--mark); }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; }
code { font-family: ui-monospace, monospace; }
small { border: 1px solid var(--line); border-radius: .5rem; padding: 0 .4rem; }`;

export function pageOf(document: Document): string {
	const { title, text, groups, schemas } = outlineOf(document);
	const names = new Set(schemas.map(({ name }) => name));
	const index = groups.map(({ name, operations }) => {
		const links = operations.map((one) => `<a href="#${one.name}">${escaped(`${one.method} ${one.path}`)}</a>`);
		return `<p><b>${escaped(name)}</b><br>${links.join("<br>")}</p>`;
	});
	const bodies = groups.map(
		(group) =>
			`<h2>${escaped(group.name)}</h2><p>${prose(group.text)}</p>${group.operations.map((one) => operationOf(one, names)).join("")}`,
	);
	const shapes = schemas.map(({ name, text, type, members }) => {
		const inside = members.length > 0 ? table(members, names) : `<p>${typeOf(type, names)}</p>`;
		return `<h3 id="schema-${escaped(name)}">${escaped(name)}</h3><p>${prose(text)}</p>${inside}`;
	});
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)} HTTP</title><style>${STYLE}</style></head>
<body><h1>${escaped(title)} HTTP</h1><p>${prose(text)}</p><p><a href="/openapi.json">openapi.json</a></p>
<nav>${index.join("")}</nav><main>${bodies.join("")}<h2>Schemas</h2>${shapes.join("")}</main></body></html>
`;
}

function operationOf(operation: OperationOutline, names: ReadonlySet<string>): string {
	const { name, method, path, summary, text, role, fields, body, answers, curl } = operation;
	const rows = answers.map(
		(answer) => `<tr><td>${answer.status}<td>${typeOf(answer.type, names)}<td>${prose(answer.text)}</tr>`,
	);
	return `<section><h3 id="${escaped(name)}"><b>${method}</b> ${escaped(path)}</h3>
<p>${prose(summary)}. <small>${escaped(role)}</small> ${prose(text)}</p>
${fields.length > 0 ? table(fields, names) : ""}
${body === undefined ? "" : `<p>Body: ${typeOf(body, names)}</p>`}
<pre><code>${escaped(curl)}</code></pre>
<table><tr><th>Status<th>Answer<th></tr>${rows.join("")}</table></section>`;
}

function table(fields: readonly Field[], names: ReadonlySet<string>): string {
	const rows = fields.map(({ name, where, type, required, text }) => {
		const words = [where, required ? "required" : ""].filter((word) => word !== "").join(", ");
		return `<tr><td><code>${escaped(name)}</code><td>${typeOf(type, names)}<td>${escaped(words)}<td>${prose(text)}</tr>`;
	});
	return `<table><tr><th>Name<th>Type<th><th></tr>${rows.join("")}</table>`;
}

/** A schema's name leads to it. */
const typeOf = (type: string, names: ReadonlySet<string>): string =>
	type
		.split(" ")
		.map((word) => (names.has(word) ? `<a href="#schema-${escaped(word)}">${escaped(word)}</a>` : escaped(word)))
		.join(" ");

const prose = (text: string): string => escaped(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");

const escaped = (text: string): string =>
	text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
