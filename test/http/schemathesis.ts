/**
 * npm run fuzz [-- --examples 100] [-- --seed N]
 *
 * Lets Schemathesis (https://schemathesis.readthedocs.io) try every route of running servers as /openapi.json describes it, with
 * the token and without. Needs python3 with venv; the package is installed into a folder of its own once. Most of the time is
 * Python's, so the work is divided and done side by side. Ends with 1 on a finding.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";

const { values } = parseArgs({
	options: { examples: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
});
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Job {
	name: string;
	token: boolean;
	options: string[];
}

/** Together they are every phase on every route; the longest first. */
const SOME = "^/v1/(tasks|runs|approvals)";
const jobs: Job[] = [
	{ name: "without the token", token: false, options: [] },
	{
		name: "with the token, tasks and runs",
		token: true,
		options: ["--phases", "fuzzing", "--include-path-regex", SOME],
	},
	{ name: "with the token, the rest", token: true, options: ["--phases", "fuzzing", "--exclude-path-regex", SOME] },
	{ name: "with the token, sequences", token: true, options: ["--phases", "examples,coverage,stateful"] },
];

/** Installed once for each list of requirements. */
function install(): string {
	const requirements = here("requirements.txt");
	const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
	const folder = join(tmpdir(), `muster-schemathesis-${hash}`);
	const command = join(folder, "bin", "schemathesis");
	if (existsSync(command)) return command;
	execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
	const pip = ["install", "--quiet", "--disable-pip-version-check", "-r", requirements];
	execFileSync(join(folder, "bin", "pip"), pip, { stdio: "inherit" });
	return command;
}

/** The configuration with what this server holds. */
const configOf = ({ known }: FuzzedServer): string =>
	Object.entries(known).reduce(
		(text, [name, value]) => text.replaceAll(`"${name}"`, JSON.stringify(value)),
		readFileSync(here("schemathesis.toml"), "utf8"),
	);

async function tryIt(command: string, { name, token, options }: Job): Promise<boolean> {
	const server = await startFuzzedServer();
	const folder = await mkdtemp(join(tmpdir(), "muster-schemathesis-run-"));
	try {
		const config = join(folder, "schemathesis.toml");
		await writeFile(config, configOf(server));
		const all = [
			...["--config-file", config, "run", `${server.url}/openapi.json`, "--no-color", ...options],
			...["--max-examples", values.examples, "--seed", values.seed, "--request-timeout", "30", "--continue-on-failure"],
			...(token ? ["--header", `Authorization: Bearer ${server.token}`] : []),
		];
		const child = spawn(command, all, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
		let said = "";
		for (const stream of [child.stdout, child.stderr]) {
			stream.on("data", (chunk: Buffer) => {
				said += chunk.toString();
			});
		}
		const { promise, resolve, reject } = Promise.withResolvers<number | null>();
		child.on("error", reject).on("close", resolve);
		const fine = (await promise) === 0;
		console.log(`\n== ${name}: ${fine ? "nothing found" : "FOUND SOMETHING"}\n${fine ? summaryOf(said) : said}`);
		return fine;
	} finally {
		await server.close();
		await rm(folder, { recursive: true, force: true });
	}
}

const summaryOf = (said: string): string => said.slice(Math.max(0, said.indexOf("API Operations:"))).trim();

const command = install();
const waiting = [...jobs];
const results: boolean[] = [];
await Promise.all(
	Array.from({ length: Math.min(jobs.length, availableParallelism()) }, async () => {
		for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) results.push(await tryIt(command, job));
	}),
);
process.exitCode = results.length === jobs.length && results.every((fine) => fine) ? 0 : 1;
