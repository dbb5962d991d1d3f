import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { hasCode, type MusterError } from "../../errors.ts";
import { appendOnce } from "./act-files.ts";
import { createGuard, type Guard, nothingAllowed } from "./act-policy.ts";

const isRefused = (error: unknown): boolean => hasCode(error, "E_RULE_REFUSED") && (error.hint ?? "") !== "";

let base: string;
let guard: Guard;
const inside = (...parts: string[]): string => join(base, "out", ...parts);

before(async () => {
	base = await realpath(await mkdtemp(join(tmpdir(), "muster-policy-")));
	await mkdir(inside("deep"), { recursive: true });
	await mkdir(join(base, "outside"));
	await mkdir(join(base, "out-of-bounds"));
	await writeFile(join(base, "outside", "secret.txt"), "secret");
	await symlink(join(base, "outside"), inside("link"));
	await symlink(join(base, "outside", "secret.txt"), inside("link.txt"));
	await symlink(join(base, "outside", "new.txt"), inside("dangling.txt"));
	await symlink(inside("deep"), inside("link-within"));
	guard = createGuard({
		folders: [inside()],
		commands: [
			["git", "fetch"],
			["grep", "-c", "--"],
			["/usr/bin/sort", "-n"],
		],
		webhooks: ["https://hooks.example.org", "http://127.0.0.1:8080"],
	});
});
after(() => rm(base, { recursive: true }));

describe("a path to write", () => {
	test("is taken relative to the first allowed folder", async () => {
		assert.deepEqual(await guard.target("a/b.txt"), { root: inside(), path: inside("a", "b.txt") });
	});

	test("may be absolute when it is inside an allowed folder", async () => {
		assert.equal((await guard.target(inside("deep", "b.txt"))).path, inside("deep", "b.txt"));
	});

	test("may be inside an allowed folder that is not there yet", async () => {
		const other = createGuard({ ...nothingAllowed, folders: [join(base, "later")] });
		assert.equal((await other.target("x.txt")).path, join(base, "later", "x.txt"));
	});

	const escapes: [string, () => string][] = [
		["leads upwards", () => "../outside/x.txt"],
		["leads upwards in the middle", () => "deep/../../outside/x.txt"],
		["leads upwards with backslashes", () => "..\\outside\\x.txt"],
		["is absolute and outside", () => join(base, "outside", "x.txt")],
		["is a neighbour whose name begins alike", () => join(base, "out-of-bounds", "x.txt")],
		["holds a NUL byte", () => "a\0b"],
		["is empty", () => ""],
		["is the folder itself", () => "."],
		["passes a link to a folder outside", () => "link/x.txt"],
		["is a link to a file outside", () => "link.txt"],
		["is a link that leads nowhere yet", () => "dangling.txt"],
		["passes a link even to a folder inside", () => "link-within/x.txt"],
		["is a folder", () => "deep"],
		["is hidden", () => ".bashrc"],
		["is in a hidden folder", () => "deep/.git/hooks/pre-commit"],
	];
	for (const [what, path] of escapes) {
		test(`is refused when it ${what}`, async () => {
			await assert.rejects(guard.target(path()), isRefused);
		});
	}

	test("never leaves the folder, whatever its parts are", async () => {
		const part = fc.constantFrom("..", ".", "a", "", "/", "link", "\\", "~", "%2e%2e", "\u0000", "deep", "C:", "-rf");
		await fc.assert(
			fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.boolean(), async (parts, absolute) => {
				const path = `${absolute ? `${inside()}/` : ""}${parts.join("/")}`;
				const target = await guard.target(path).catch((error: MusterError) => {
					assert.equal(error.code, "E_RULE_REFUSED");
					return null;
				});
				if (target !== null)
					assert.ok(target.path.startsWith(`${inside()}/`) && !target.path.startsWith(inside("link")));
			}),
			{ numRuns: 500 },
		);
	});

	test("is refused with what to allow when nothing is allowed", async () => {
		await assert.rejects(createGuard(nothingAllowed).target("x.txt"), (error) => {
			return isRefused(error) && /"folders"/.test((error as MusterError).hint ?? "");
		});
	});

	test("is not appended to when the file has a second name elsewhere", async () => {
		await link(join(base, "outside", "secret.txt"), inside("hard.txt"));
		await assert.rejects(appendOnce(await guard.target("hard.txt"), "x"), isRefused);
		assert.equal(await readFile(join(base, "outside", "secret.txt"), "utf8"), "secret");
	});

	test("is refused when a folder on the way becomes a link after the check", async () => {
		const target = await guard.target("swapped/x.txt");
		await symlink(join(base, "outside"), inside("swapped"));
		await assert.rejects(appendOnce(target, "x"), isRefused);
	});
});

describe("a command", () => {
	test("is allowed by its beginning and gets the full path of its program", async () => {
		assert.deepEqual(await guard.command(["grep", "-c", "--", "-e", "file"]), [
			(await guard.command(["grep", "-c", "--"]))[0],
			"-c",
			"--",
			"-e",
			"file",
		]);
		assert.match((await guard.command(["grep", "-c", "--"]))[0] ?? "", /^\/(usr\/)?(local\/)?bin\/grep$/);
	});

	const refusals: [string, string[]][] = [
		["its program is not named", ["curl", "https://example.org"]],
		["it is shorter than the beginning", ["git"]],
		["it differs within the beginning", ["git", "push"]],
		["an argument looks like an option", ["git", "fetch", "--upload-pack=/tmp/evil"]],
		["an argument is a short option", ["git", "fetch", "origin", "-o"]],
		["its program is given by another path", ["/tmp/git", "fetch"]],
		["it is empty", []],
	];
	for (const [what, argv] of refusals) {
		test(`is refused when ${what}`, async () => {
			await assert.rejects(guard.command(argv), isRefused);
		});
	}

	test("is refused when its program is not installed", async () => {
		const other = createGuard({ ...nothingAllowed, commands: [["no-such-program-here"]] });
		await assert.rejects(other.command(["no-such-program-here"]), isRefused);
	});

	for (const program of ["sh", "/bin/bash", "env", "xargs", "", "./here", "a\0b"]) {
		test(`cannot be allowed at all when its program is ${JSON.stringify(program)}`, () => {
			assert.throws(
				() => createGuard({ ...nothingAllowed, commands: [[program]] }),
				(error) => hasCode(error, "E_CONFIG_INVALID"),
			);
		});
	}

	test("cannot be allowed at all when an action could replace its program", () => {
		assert.throws(
			() => createGuard({ ...nothingAllowed, folders: [inside()], commands: [[inside("tool")]] }),
			(error) => hasCode(error, "E_CONFIG_INVALID"),
		);
	});

	test("is refused when its program is a shell under another name", async () => {
		const disguised = inside("tool");
		await symlink("/bin/sh", disguised);
		await assert.rejects(createGuard({ ...nothingAllowed, commands: [[disguised]] }).command([disguised]), isRefused);
	});
});

describe("a webhook", () => {
	test("is allowed by its origin", () => {
		assert.equal(guard.webhook("https://hooks.example.org/a?b=c").pathname, "/a");
	});

	const refusals = [
		"https://hooks.example.org.evil.net/",
		"https://hooks.example.org:444/",
		"http://hooks.example.org/",
		"https://user:word@hooks.example.org/",
		"https://evil.net/https://hooks.example.org",
		"https://hooks.example.org@evil.net/",
		"file:///etc/passwd",
		"nonsense",
	];
	for (const url of refusals) {
		test(`is refused at ${url}`, () => {
			assert.throws(() => guard.webhook(url), isRefused);
		});
	}

	test("cannot be allowed by anything but an origin", () => {
		for (const origin of ["https://a.example/path", "a.example", "*", "ftp://a.example", "https://a.example/"])
			assert.throws(
				() => createGuard({ ...nothingAllowed, webhooks: [origin] }),
				(error) => hasCode(error, "E_CONFIG_INVALID"),
			);
	});
});
