/** docs/http.md, made from the document, so that the page and the server cannot say different things. */
import type { Document } from "./document.ts";
import { type Field, type OperationOutline, outlineOf } from "./outline.ts";

const INTRO = `# HTTP

\`muster up\` serves this on http://127.0.0.1:7620, on this machine only. The same is there as \`/openapi.json\` (OpenAPI 3.1) and,
to read in a browser, as \`/docs\`; a client in any language can be generated from the first.

- **Token.** Every request but those for *anyone* needs \`Authorization: Bearer ...\` with the content of the file \`token\` in
  the data folder. Requests with a foreign \`Host\` or \`Origin\` are refused before anything else is looked at.
- **Errors.** \`application/problem+json\` (RFC 9457) with a stable \`code\`, see [errors.md](errors.md). **400**: the request does
  not fit the schemas below, \`errors\` says where. **422**: it fits, and what it means is refused.
  Of every route: 401 without the token, 403 for a foreign host or origin, 413 and 415 for a body that is too large or no
  JSON, 500 for a fault of the server, 503 with \`Retry-After\` while it starts or stops.
- **Lists.** \`{"items": [...], "nextCursor": "..."}\`; give the cursor back for the next page, with the same filters.
- **Waiting.** \`Prefer: wait=30\` on a submit, a start or a look at one: the answer comes when it is over (200), or after 30
  seconds with what is there then (202 for a submit or start).
- **Once.** \`Idempotency-Key: K\` on a submit or start: the same again answers with the first one and
  \`Idempotency-Replayed: true\`, also after a restart; another body under the same key is refused (422).
- **Unchanged.** Looks have an \`ETag\`; with \`If-None-Match\` they answer 304 while nothing has changed.
- **Bodies** are JSON of at most 16 MiB, and counted while they are read.
`;

/** Said once, in the introduction. */
const COMMON = new Set(["401", "403", "413", "415", "500", "503"]);

/** The whole page. */
export function markdownOf(document: Document): string {
	const { groups, schemas } = outlineOf(document);
	const parts = [INTRO, indexOf(groups.flatMap(({ operations }) => operations))];
	for (const { name, text, operations } of groups)
		parts.push(`## ${name}\n\n${text}\n`, ...operations.map(operationText));
	parts.push("## Schemas\n");
	for (const { name, text, type, members } of schemas) {
		const head = `### ${name}\n${text === "" ? "" : `\n${text}\n`}`;
		parts.push(members.length === 0 ? `${head}\n${cell(type)}\n` : `${head}\n${table(members)}`);
	}
	return parts.join("\n");
}

const indexOf = (operations: OperationOutline[]): string =>
	[
		"| route | role | does |",
		"|---|---|---|",
		...operations.map(({ method, path, role, summary }) => `| \`${method} ${path}\` | ${role} | ${cell(summary)} |`),
		"",
	].join("\n");

function operationText({ method, path, summary, text, role, fields, body, answers, curl }: OperationOutline): string {
	const lines = [`### ${method} ${path}`, "", `${summary}. For: ${role}.${text === "" ? "" : ` ${text}`}`, ""];
	if (fields.length > 0) lines.push(table(fields));
	if (body !== undefined) lines.push(`Body: ${body}.`, "");
	lines.push("```sh", curl, "```", "", "| status | answer | |", "|---|---|---|");
	for (const answer of answers.filter(({ status }) => !COMMON.has(status)))
		lines.push(`| ${answer.status} | ${cell(answer.type)} | ${cell(answer.text)} |`);
	return `${lines.join("\n")}\n`;
}

const table = (fields: readonly Field[]): string =>
	[
		"| name | type | |",
		"|---|---|---|",
		...fields.map(({ name, where, type, required, text }) => {
			const words = [where, required ? "required" : ""].filter((word) => word !== "").join(", ");
			return `| \`${name}\` | ${cell(type)} | ${[words, cell(text)].filter((part) => part !== "").join(". ")} |`;
		}),
		"",
	].join("\n");

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
