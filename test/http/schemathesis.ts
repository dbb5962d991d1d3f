/**
 * node test/http/schemathesis.ts [--examples 100] [--seed N]
 *
 * Lets Schemathesis (https://schemathesis.readthedocs.io) try every route of a running server as /openapi.json describes it, with
 * the token and without. Needs python3 with venv; the package is installed into a folder of its own once. Ends with 1 on a finding.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";

const { values } = parseArgs({
	options: { examples: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
});
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Installed once for each list of requirements. */
function install(): string {
	const requirements = here("requirements.txt");
	const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
	const folder = join(tmpdir(), `muster-schemathesis-${hash}`);
	const command = join(folder, "bin", "schemathesis");
	if (existsSync(command)) return command;
	execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
	execFileSync(join(folder, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", "-r", requirements], {
		stdio: "inherit",
	});
	return command;
}

/** The configuration with what this server holds. */
const configOf = ({ known }: FuzzedServer): string =>
	Object.entries(known).reduce(
		(text, [name, value]) => text.replaceAll(`"${name}"`, JSON.stringify(value)),
		readFileSync(here("schemathesis.toml"), "utf8"),
	);

async function tryIt(command: string, withToken: boolean): Promise<boolean> {
	const server = await startFuzzedServer();
	const folder = await mkdtemp(join(tmpdir(), "muster-schemathesis-run-"));
	const config = join(folder, "schemathesis.toml");
	await writeFile(config, configOf(server));
	console.log(`\n${withToken ? "With" : "Without"} the token`);
	const options = [
		...["--config-file", config, "run", `${server.url}/openapi.json`, "--no-color"],
		...["--max-examples", values.examples, "--seed", values.seed, "--request-timeout", "10", "--continue-on-failure"],
		...(withToken ? ["--header", `Authorization: Bearer ${server.token}`] : []),
	];
	try {
		const child = spawn(command, options, { cwd: folder, stdio: "inherit" });
		const { promise, resolve, reject } = Promise.withResolvers<number | null>();
		child.on("error", reject).on("exit", resolve);
		return (await promise) === 0;
	} finally {
		await server.close();
		await rm(folder, { recursive: true, force: true });
	}
}

const command = install();
const results = [await tryIt(command, true), await tryIt(command, false)];
process.exitCode = results.every((fine) => fine) ? 0 : 1;
