/**
 * node test/http/client.ts [--check]
 *
 * Generates the types of a client from the OpenAPI document with openapi-typescript, into examples/generated. With `--check` it
 * writes nothing, and ends with 1 when what is there is not what would be generated.
 */
import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { document } from "../http-contract.ts";
import { CLIENT, headOf } from "./client-head.ts";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const folder = await mkdtemp(join(tmpdir(), "muster-client-"));
try {
	const given = join(folder, "openapi.json");
	const made = join(folder, "http-api.ts");
	writeFileSync(given, JSON.stringify(document));
	// With packages of its own: openapi-typescript is made for another TypeScript than ours.
	for (const name of ["package.json", "package-lock.json"]) {
		copyFileSync(fileURLToPath(new URL(`./client/${name}`, import.meta.url)), join(folder, name));
	}
	const options: ExecFileSyncOptions = { cwd: folder, stdio: ["ignore", "ignore", "inherit"] };
	execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], options);
	execFileSync(join(folder, "node_modules/.bin/openapi-typescript"), [given, "-o", made], options);
	const text = headOf(document) + readFileSync(made, "utf8");
	if (!values.check) writeFileSync(CLIENT, text);
	else if (readFileSync(CLIENT, "utf8") !== text) {
		console.error("examples/generated/http-api.ts is not what the document gives. Run: node test/http/client.ts");
		process.exitCode = 1;
	}
} finally {
	rmSync(folder, { recursive: true, force: true });
}
