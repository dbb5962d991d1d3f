// Old JavaScript on purpose: it has to run on the very Node it refuses. The npm scripts call it first.
// With --print it also says which Node they run on.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
	console.error(`Muster needs Node 24.15 or newer; this is Node ${process.versions.node}.

Run \`npm ci\`: it installs one that fits into node_modules/.bin, and the npm scripts use that one.
If it did run, npm kept the package "node" from running its install script; package.json allows
that script under allowScripts, so look whether the npm configuration says ignore-scripts.`);
	process.exit(1);
}
if (process.argv.includes("--print")) console.log(`Node ${process.version}`);
