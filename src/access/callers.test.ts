import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../test/fixture.ts";
import { HandClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { Callers, LOOK_MS } from "./callers.ts";
import { MAX_TOKENS, tokenFile } from "./token-store.ts";
import { MOST_WRONG, WINDOW_MS } from "./wrong-tokens.ts";

const OWNERS = "a".repeat(64);
const HERE = "127.0.0.1";
const FAR = "192.168.0.7";

/** Else two processes would make the same secrets. */
let seed = 1;

function open(t: TestContext, folder = temporaryFolder(t)) {
	const clock = new HandClock(Date.now(), seed++);
	const callers = new Callers({ token: OWNERS, store: tokenFile(folder, clock), clock, log: silentLog });
	t.after(() => callers.close());
	return { callers, clock, folder, path: join(folder, "tokens.json") };
}

test("a token has 256 bits, is told once, and only its hash is kept, for the owner alone", (t) => {
	const { callers, folder, path } = open(t);
	const { secret, ...view } = callers.create({ name: "ci", role: "operator" });
	assert.match(secret, /^[0-9a-f]{64}$/);
	assert.deepEqual([view.name, view.role, view.expired], ["ci", "operator", false]);
	assert.ok(!readFileSync(path, "utf8").includes(secret));
	assert.ok(!JSON.stringify(callers.list()).includes(secret));
	assert.equal(statSync(path).mode & 0o777, 0o600);
	assert.equal(existsSync(`${path}.next`), false);
	assert.equal(callers.identify(secret, HERE).role, "operator");
	assert.equal(callers.identify(OWNERS, HERE).role, "admin");
	const { callers: next } = open(t, folder);
	assert.equal(next.identify(secret, HERE).name, "ci");
});

test("nothing near a token is one", (t) => {
	const { callers } = open(t);
	const { secret } = callers.create({ name: "ci", role: "viewer" });
	for (const wrong of [undefined, "", secret.slice(1), `${secret}0`, secret.toUpperCase(), ` ${secret}`, "ci"]) {
		assert.throws(() => callers.identify(wrong, HERE), { code: "E_UNAUTHORIZED" }, wrong);
	}
});

test("names are taken once, the owner's never; there is a bound", (t) => {
	const { callers } = open(t);
	callers.create({ name: "ci", role: "viewer" });
	for (const name of ["ci", "owner"]) {
		assert.throws(() => callers.create({ name, role: "admin" }), { code: "E_CONFLICT" });
	}
	assert.throws(() => callers.revoke("owner"), { code: "E_CONFLICT" });
	assert.throws(() => callers.revoke("nobody"), { code: "E_TOKEN_UNKNOWN" });
	for (let i = 1; i < MAX_TOKENS; i++) callers.create({ name: `t${i}`, role: "viewer" });
	assert.throws(() => callers.create({ name: "more", role: "viewer" }), { code: "E_CONFLICT" });
});

test("a revoked token counts no more at once, and what is open to its bearer is cut off, nothing else", (t) => {
	const { callers } = open(t);
	const { secret } = callers.create({ name: "ci", role: "viewer" });
	const other = callers.create({ name: "other", role: "viewer" });
	const cut: string[] = [];
	const over = callers.identify(secret, HERE).hold(() => cut.push("over"));
	over();
	callers.identify(secret, HERE).hold(() => cut.push("open"));
	callers.identify(other.secret, HERE).hold(() => cut.push("other"));
	callers.revoke("ci");
	assert.deepEqual(cut, ["open"]);
	assert.throws(() => callers.identify(secret, HERE), { code: "E_UNAUTHORIZED" });
	assert.equal(callers.identify(other.secret, HERE).name, "other");
});

test("what another process revokes or gives counts within a second", (t) => {
	const { callers, clock, folder } = open(t);
	const { secret } = callers.create({ name: "ci", role: "viewer" });
	let cut = 0;
	callers.identify(secret, HERE).hold(() => cut++);
	const { callers: other } = open(t, folder);
	other.revoke("ci");
	const made = other.create({ name: "ci", role: "operator" });
	clock.advance(LOOK_MS);
	assert.equal(cut, 1);
	assert.throws(() => callers.identify(secret, HERE), { code: "E_UNAUTHORIZED" });
	assert.equal(callers.identify(made.secret, HERE).role, "operator");
});

test("an expired token counts no more, and its open answers end", (t) => {
	const { callers, clock } = open(t);
	const { secret } = callers.create({ name: "ci", role: "viewer", expires: "1h" });
	let cut = 0;
	callers.identify(secret, HERE).hold(() => cut++);
	clock.advance(3_600_000 - 1);
	assert.equal(callers.identify(secret, HERE).name, "ci");
	clock.advance(LOOK_MS);
	assert.equal(cut, 1);
	assert.throws(() => callers.identify(secret, HERE), { code: "E_UNAUTHORIZED", message: /has expired/ });
	assert.equal(callers.list().find(({ name }) => name === "ci")?.expired, true);
});

test("a file that cannot be read lets nobody in but the owner, and is an error at a start", (t) => {
	const { callers, clock, folder, path } = open(t);
	const { secret } = callers.create({ name: "ci", role: "viewer" });
	let cut = 0;
	callers.identify(secret, HERE).hold(() => cut++);
	writeFileSync(path, '{"version":1,"tokens":[{"name":"ci","role":"god"}]}');
	clock.advance(LOOK_MS);
	assert.equal(cut, 1);
	assert.throws(() => callers.identify(secret, HERE), { code: "E_UNAUTHORIZED" });
	assert.equal(callers.identify(OWNERS, HERE).name, "owner");
	assert.throws(() => open(t, folder), { code: "E_DATA_FOLDER" });
	rmSync(path);
	clock.advance(LOOK_MS);
	assert.deepEqual(
		callers.list().map(({ name }) => name),
		["owner"],
	);
});

test("two processes never change the tokens at the same time; one that died in a change blocks for ten seconds", (t) => {
	const { callers, folder, path, clock } = open(t);
	writeFileSync(`${path}.next`, "half");
	chmodSync(folder, 0o700);
	assert.throws(() => callers.create({ name: "ci", role: "viewer" }), { code: "E_CONFLICT" });
	assert.equal(readFileSync(`${path}.next`, "utf8"), "half");
	const old = clock.now() / 1_000 - 11;
	utimesSync(`${path}.next`, old, old);
	assert.equal(callers.create({ name: "ci", role: "viewer" }).name, "ci");
});

test("many different wrong tokens of an address are too many; the same one again is not, nor is the right one here", (t) => {
	const { callers, clock } = open(t);
	const code = (address: string, secret: string) => {
		try {
			return callers.identify(secret, address).name;
		} catch (error) {
			return (error as { code: string }).code;
		}
	};
	for (let i = 0; i < 3 * MOST_WRONG; i++) assert.equal(code(FAR, "the same"), "E_UNAUTHORIZED");
	for (const address of [FAR, HERE]) {
		for (let i = 0; i < MOST_WRONG; i++) code(address, `wrong ${i}`);
		assert.equal(code(address, "one more"), "E_RATE_LIMITED");
	}
	assert.equal(code(FAR, OWNERS), "E_RATE_LIMITED", "not even looked at");
	assert.equal(code(HERE, OWNERS), "owner", "a neighbour on this machine cannot lock the owner out");
	assert.equal(code("192.168.0.8", "wrong"), "E_UNAUTHORIZED");
	clock.advance(WINDOW_MS);
	assert.equal(code(FAR, OWNERS), "owner");
});
