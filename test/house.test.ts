/** The rules of the house: what a reader may rely on without looking. Each exception is named with its reason. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Every file of ours with the given ending, by its path below the root. */
const filesOf = (folder: string, ending = ".ts"): string[] =>
	readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(ending))
		.map((name) => `${folder}/${name}`);

const read = (path: string): string => readFileSync(join(root, path), "utf8");
/** A conformance suite is a test that other tests run. */
const isTest = (path: string): boolean => /(\.test|\/conformance)\.ts$/.test(path);
const source = filesOf("src").filter((path) => !isTest(path));
const everything = ["src", "test", "examples", "demo", "bench"].flatMap((folder) => filesOf(folder));

/** Code without comments; strings stay. Good enough for code that a formatter has gone over. */
const codeOf = (path: string): string =>
	read(path)
		.replace(/\/\*[\s\S]*?\*\//g, "")
		.replace(/(^|\s)\/\/[^\n]*/g, "");

interface Import {
	from: string;
	/** A path below the root, or a package. */
	to: string;
	typeOnly: boolean;
}

const STATEMENT = /\b(?:import|export)(\s+type)?\s+(?:[\w*{}\s,$]+?\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/g;

const importsOf = (path: string): Import[] =>
	[...codeOf(path).matchAll(STATEMENT)].map(([, type, fixed, lazy]) => {
		const to = (fixed ?? lazy) as string;
		return { from: path, to: to.startsWith(".") ? join(dirname(path), to) : to, typeOnly: type !== undefined };
	});

/** Lines of code in which a pattern stands, as `path: line`. */
const linesWith = (pattern: RegExp, paths: readonly string[]): string[] =>
	paths.flatMap((path) =>
		codeOf(path)
			.split("\n")
			.filter((line) => pattern.test(line))
			.map((line) => `${path}: ${line.trim()}`),
	);

/** All that is found is among the exceptions, and no exception is out of date. */
function onlyExceptions(found: readonly string[], exceptions: Readonly<Record<string, string>>): void {
	const places = [...new Set(found.map((line) => line.slice(0, line.indexOf(": "))))];
	assert.deepEqual(
		found.filter((line) => !Object.hasOwn(exceptions, line.slice(0, line.indexOf(": ")))),
		[],
	);
	assert.deepEqual(
		Object.keys(exceptions).filter((path) => !places.includes(path)),
		[],
		"these exceptions are not needed any more",
	);
}

test("imports go down the list in ARCHITECTURE.md, and every file has a place in it", () => {
	const list = /```text\n([\s\S]*?)```/.exec(read("ARCHITECTURE.md"))?.[1]?.trim().split("\n") ?? [];
	assert.ok(list.length > 10);
	const units = list.map((line) => {
		const [members = "", allowed = ""] = line.split("<-");
		const [name, ...paths] = members.trim().split(/\s+/) as [string, ...string[]];
		return { name, paths, allowed: [name, ...allowed.trim().split(/\s+/)] };
	});
	/** The longest path that fits wins, so a file may stand apart from its folder. */
	const unitOf = (path: string) => {
		const inside = relative("src", path).replace(/\.ts$/, "");
		const fits = units.flatMap((unit) =>
			unit.paths
				.filter((part) => (part.endsWith("/") ? inside.startsWith(part) : inside === part))
				.map((part) => ({ unit, part })),
		);
		const best = fits.sort((a, b) => b.part.length - a.part.length)[0];
		assert.ok(best, `${path} has no place in ARCHITECTURE.md`);
		return best.unit;
	};
	for (const [i, unit] of units.entries()) {
		const above = units.slice(0, i + 1).map(({ name }) => name);
		assert.deepEqual(
			unit.allowed.filter((name) => name !== "" && !above.includes(name)),
			[],
			`${unit.name} imports upwards`,
		);
	}
	const wrong = source
		.flatMap(importsOf)
		.filter(({ to }) => to.startsWith("src/"))
		.filter(({ from, to }) => !unitOf(from).allowed.includes(unitOf(to).name));
	assert.deepEqual(wrong, []);
});

test("no file imports itself in a circle", () => {
	const edges = new Map(
		source.map((path) => [path, importsOf(path).filter(({ to, typeOnly }) => to.startsWith("src/") && !typeOnly)]),
	);
	const done = new Set<string>();
	const walk = (path: string, way: readonly string[]): void => {
		assert.ok(!way.includes(path), `${[...way, path].join(" -> ")}`);
		if (done.has(path)) return;
		for (const { to } of edges.get(path) ?? []) walk(to, [...way, path]);
		done.add(path);
	};
	for (const path of edges.keys()) walk(path, []);
});

test("of the command line, `muster up` alone loads the HTTP library", () => {
	const edges = new Map(source.map((path) => [path, importsOf(path).filter(({ typeOnly }) => !typeOnly)]));
	const reached = new Set<string>();
	const up = "src/cli/commands/up.ts";
	const walk = (path: string): void => {
		if (reached.has(path)) return;
		reached.add(path);
		for (const { to } of edges.get(path) ?? []) if (to !== up) walk(to);
	};
	for (const path of edges.keys()) if (path.startsWith("src/cli/") && path !== up) walk(path);
	assert.deepEqual(
		[...reached].filter((path) => /^@?hono/.test(path)),
		[],
	);
	walk(up);
	assert.ok(reached.has("@hono/zod-openapi"));
});

test("skills and the journal do not know each other", () => {
	const wrong = source
		.flatMap(importsOf)
		.filter(({ from, to }) => /^src\/skill\//.test(from) && /^src\/journal\//.test(to));
	assert.deepEqual(wrong, []);
	assert.deepEqual(
		source.flatMap(importsOf).filter(({ from, to }) => /^src\/journal\//.test(from) && /^src\/skill\//.test(to)),
		[],
	);
});

test("main.ts alone names the adapters", () => {
	const adapters = [
		"src/journal/sqlite.ts",
		"src/journal/memory.ts",
		"src/compute/threads.ts",
		"src/bus/embedded.ts",
		"src/skill/built-in.ts",
	];
	const named = source.flatMap(importsOf).filter(({ to, typeOnly }) => adapters.includes(to) && !typeOnly);
	assert.deepEqual([...new Set(named.map(({ from }) => from))], ["src/main.ts"]);
});

test("time, randomness and environment enter through clock.ts and environment.ts", () => {
	const pattern =
		/\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\bprocess\.env\b|\brandomUUID\b|\brandomBytes\b|\bset(Timeout|Interval)\b/;
	onlyExceptions(linesWith(pattern, source), {
		"src/clock.ts": "it is the owner",
		"src/environment.ts": "it is the owner of the environment",
		"src/journal/projector.ts": "a thread of its own, with no clock from outside: it tries a full disk again",
		"src/server/server.ts": "closes connections that do not end by themselves",
		"src/cli/connection.ts": "waits for a server that is just starting",
		"src/cli/commands/up.ts": "looks whether the journal failed",
	});
});

test("the system's clock is taken where a program begins, and nowhere between", () => {
	const found = linesWith(
		/\bsystemClock\b/,
		source.filter((path) => !path.startsWith("src/cli/")),
	);
	onlyExceptions(found, {
		"src/clock.ts": "it is defined there",
		"src/index.ts": "it is public",
		"src/main.ts": "the default of the composition root",
		"src/compute/skill-thread.ts": "a thread begins there",
		"src/skill/automation/command.ts": "limits a child process, whose time is real; tests give a clock of their own",
	});
});

test("SQLite is used by the journal, and to read a table that is a SQLite file", () => {
	const users = source.flatMap(importsOf).filter(({ to }) => to === "node:sqlite");
	const outside = users.filter(({ from }) => !from.startsWith("src/journal/"));
	onlyExceptions(
		outside.map(({ from }) => `${from}: node:sqlite`),
		{
			"src/skill/data/collect.ts": "reads tables, read only",
			"src/cli/checks.ts": "the type of a connection, for `muster doctor`",
		},
	);
});

test("the pure parts import nothing of Node and await nothing", () => {
	const pure = source.filter((path) =>
		/^src\/(task\/|state\.ts|events\.ts|workflow\/(decide|plan|graph|run)\.ts)/.test(path),
	);
	assert.ok(pure.length >= 8);
	const used = pure.flatMap(importsOf).filter(({ to }) => to.startsWith("node:"));
	onlyExceptions(
		used.map(({ from, to }) => `${from}: ${to}`),
		{ "src/task/spec.ts": "node:crypto, a hash of what was submitted" },
	);
	assert.deepEqual(linesWith(/\b(await|async|Promise)\b/, pure), []);
});

test("files are named after what they are; none is an index of others but the public one", () => {
	const names = source.map((path) => path.split("/").at(-1) as string);
	const vague =
		/^(utils?|helpers?|common|misc|shared|types|constants|managers?|.*-(utils?|helpers?|manager|new|old|v\d))\.ts$/;
	assert.deepEqual(
		names.filter((name) => vague.test(name) || !/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name)),
		[],
	);
	assert.deepEqual(
		source.filter((path) => path.endsWith("/index.ts")),
		["src/index.ts"],
	);
	assert.deepEqual(linesWith(/\bexport \*/, source), []);
});

test("no unfinished work, no skipped test, no `any` without a reason", () => {
	const words = /\b(TODO|FIXME|XXX|HACK)\b|not (yet )?implemented/;
	assert.deepEqual(
		everything.filter((path) => path !== "test/house.test.ts" && words.test(read(path))),
		[],
	);
	const tests = everything.filter((path) => isTest(path) && path !== "test/house.test.ts");
	assert.deepEqual(linesWith(/\b(it|test|describe)\.(skip|only|todo)\b|\b(skip|only|todo): *true/, tests), []);
	// What the linter is told to let pass has a reason after the colon.
	for (const path of everything) {
		for (const [, reason] of read(path).matchAll(/biome-ignore(?:-all)? [\w/]+(?:: *)?(.*)/g)) {
			assert.ok((reason ?? "").length > 10 || path === "test/house.test.ts", `${path} gives no reason`);
		}
	}
	assert.deepEqual(
		linesWith(
			/@ts-(ignore|expect-error|nocheck)/,
			everything.filter((path) => !isTest(path)),
		),
		[],
	);
});

test("every package that is imported is declared, and every declared one is used", () => {
	const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
	const packagesIn = (paths: readonly string[]): Set<string> =>
		new Set(
			paths
				.flatMap(importsOf)
				.map(({ to }) => to)
				.filter((to) => !/^(node:|src\/|test\/|examples\/|demo\/|bench\/)/.test(to) && !builtinModules.includes(to))
				.map((to) =>
					to
						.split("/")
						.slice(0, to.startsWith("@") ? 2 : 1)
						.join("/"),
				),
		);
	assert.deepEqual([...packagesIn(source)].sort(), Object.keys(dependencies ?? {}).sort());
	const inTests = packagesIn(everything);
	for (const name of Object.keys(dependencies ?? {})) inTests.delete(name);
	/** Used by a command or by the compiler, not by an import. */
	const tools = ["@biomejs/biome", "@types/node", "node", "typescript", "vega-datasets"];
	assert.deepEqual(
		[...inTests, ...tools].filter((name, i, all) => all.indexOf(name) === i).sort(),
		Object.keys(devDependencies ?? {}).sort(),
	);
});
