import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { errorTable } from "../errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { helpPage } from "./help-page.ts";
import { createProgram } from "./program.ts";

const page = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));

test("docs/cli.md is the program's own help (WRITE_DOCS=1 writes it)", () => {
	if (process.env.WRITE_DOCS) {
		mkdirSync(dirname(page), { recursive: true });
		writeFileSync(page, helpPage());
	}
	assert.ok(existsSync(page));
	assert.equal(readFileSync(page, "utf8"), helpPage());
});

test("every exit code of an error is documented", () => {
	const documented = new Set(exitCodes.map(([code]) => code));
	for (const [code, { exit }] of Object.entries(errorTable)) assert.ok(documented.has(exit), `${code}: ${exit}`);
});

test("every command has a description and an example, and its file exists", () => {
	for (const command of createProgram({ version: () => "", done: () => undefined }).commands) {
		let help = "";
		command.configureOutput({
			writeOut: (part) => {
				help += part;
			},
		});
		command.outputHelp();
		assert.match(help, new RegExp(`Example:\n {2}muster ${command.name()}`));
		assert.ok(command.description().length > 10);
		assert.ok(existsSync(fileURLToPath(new URL(`./commands/${command.name()}.ts`, import.meta.url))));
	}
});
