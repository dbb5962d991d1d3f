/** Runs every example and compares what it prints with the comment at its end. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const TIMEOUT_MS = 60_000;
const folder = fileURLToPath(new URL(".", import.meta.url));
const examples = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));
const waiting = [...examples];
const failed: string[] = [];

await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(`${examples.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function work(): Promise<void> {
	for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
		const problem = await problemOf(name);
		console.log(`${problem === undefined ? "ok    " : "FAILED"} ${name}`);
		if (problem === undefined) continue;
		failed.push(name);
		console.log(problem);
	}
}

async function problemOf(name: string): Promise<string | undefined> {
	const expected = /\n\/\* Output:\n([\s\S]*?)\*\/\s*$/.exec(readFileSync(folder + name, "utf8"))?.[1];
	if (expected === undefined) return "it has no comment with its output at the end";
	const { promise, resolve } = Promise.withResolvers<string | undefined>();
	execFile(process.execPath, [folder + name], { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
		if (error !== null) resolve(`${error.message}\n${stdout}${stderr}`);
		else if (stderr !== "") resolve(`it complained:\n${stderr}`);
		else resolve(stdout === expected ? undefined : `expected:\n${expected}but it printed:\n${stdout}`);
	});
	return promise;
}
