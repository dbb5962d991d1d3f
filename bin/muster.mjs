#!/usr/bin/env node
// Nothing newer than modules themselves down to the check, so that an old Node can say what it lacks.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
	console.error(`error: Muster needs Node 24.15 or newer; this is ${process.version}.`);
	console.error(`hint: npx -p node@24 -p muster-agents muster ${process.argv.slice(2).join(" ")}`);
	process.exit(3);
}
start().catch((error) => {
	console.error(error);
	process.exitCode = 70;
});

async function start() {
	const [{ existsSync }, { enableCompileCache }, { homedir }, { join }] = await Promise.all([
		import("node:fs"),
		import("node:module"),
		import("node:os"),
		import("node:path"),
	]);
	// Halves the time of a command. In the home folder and not in a temporary one that others may write:
	// what lies there is run. NODE_COMPILE_CACHE names another place, NODE_DISABLE_COMPILE_CACHE=1 turns it off.
	enableCompileCache(join(homedir(), ".cache", "muster-agents"));
	// A checkout runs its source as it is; the published package has only the compiled form.
	const source = new URL("../src/cli/main.ts", import.meta.url);
	const file = existsSync(source) ? source : new URL("../dist/cli/main.js", import.meta.url);
	const { main } = await import(file.href);
	await main(process.argv);
}
