#!/usr/bin/env node
// Nothing newer than modules themselves down to the check, so that an old Node can say what it lacks.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
	console.error(`error: Muster needs Node 24.15 or newer; this is ${process.version}.`);
	console.error(`hint: npx -p node@24 -p muster-agents muster ${process.argv.slice(2).join(" ")}`);
	process.exit(3);
}
// A checkout runs its source as it is; the published package has only the compiled form.
import("node:fs")
	.then(({ existsSync }) => {
		const source = new URL("../src/cli/main.ts", import.meta.url);
		return import(existsSync(source) ? source.href : new URL("../dist/cli/main.js", import.meta.url).href);
	})
	.then(({ main }) => main(process.argv))
	.catch((error) => {
		console.error(error);
		process.exitCode = 70;
	});
