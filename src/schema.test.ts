import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { explain } from "./schema.ts";

const told = (schema: z.ZodType, value: unknown): string => {
	const { error } = schema.safeParse(value);
	assert.ok(error, "it fits");
	return explain(error, schema, value);
};

const watch = z.union([
	z.strictObject({ file: z.string() }),
	z.strictObject({ log: z.string(), pattern: z.string().optional() }),
]);
const action = z.discriminatedUnion("kind", [
	z.strictObject({ kind: z.literal("write-file"), path: z.string(), overwrite: z.boolean().default(false) }),
	z.strictObject({ kind: z.literal("webhook"), url: z.string() }),
]);
const work = z.union([
	z.strictObject({ actions: z.array(action).min(1), dryRun: z.boolean().default(false) }),
	z.strictObject({ findings: z.json().optional(), dryRun: z.boolean().default(false) }),
]);
const FORMS = "{ actions, dryRun? } or { findings?, dryRun? }";

test("an unknown key is told with the one that was meant, or with those that are known", () => {
	const limits = z.strictObject({ running: z.int(), types: z.record(z.string(), z.int()).default({}) });
	assert.equal(
		told(z.strictObject({ limits }), { limits: { running: 1, all: 5 } }),
		'limits: unknown key "all" (known here: running, types)',
	);
	assert.equal(told(limits, { running: 1, type: {} }), 'unknown key "type" (Did you mean "types"?)');
	assert.equal(told(limits, {}), "running: is required");
});

test("of several forms the one that shares the keys is explained", () => {
	assert.equal(
		told(work, { actions: [{ kind: "write-file", pth: "a" }] }),
		'actions.0.path: is required; actions.0: unknown key "pth" (Did you mean "path"?)',
	);
	assert.equal(
		told(work, { actions: [{ kind: "write" }] }),
		'actions.0: unknown kind "write" (known here: write-file, webhook)',
	);
	assert.match(told(work, { actions: [] }), /^actions: Too small: .* \(allowed: /);
	assert.ok(told(work, { actions: [] }).endsWith(`(allowed: ${FORMS})`));
	assert.equal(
		told(z.object({ watch }), { watch: { log: "a", patern: "b" } }),
		'watch: unknown key "patern" (Did you mean "pattern"?)',
	);
});

test("where no form fits better than another, all are named", () => {
	assert.equal(told(work, { action: [] }), `unknown key "action" (Did you mean "actions"? allowed: ${FORMS})`);
	assert.equal(told(work, { actions: [], findings: 1 }), `no form has actions and findings (allowed: ${FORMS})`);
	assert.equal(
		told(z.object({ watch }), { watch: "a" }),
		"watch: fits none of the forms (allowed: { file } or { log, pattern? })",
	);
	assert.equal(told(z.object({ watch }), {}), "watch: is required (allowed: { file } or { log, pattern? })");
	assert.equal(
		told(z.array(action), [{}]),
		'0: fits none of the forms (allowed: { kind: "write-file", path, overwrite? } or { kind: "webhook", url })',
	);
	assert.equal(told(z.union([z.string(), z.array(z.int())]), 5), "fits none of the forms (allowed: a text or a list)");
	assert.match(
		told(z.union([z.string(), z.array(z.int())]), ["a"]),
		/^0: .*expected number.* \(allowed: a text or a list\)$/,
	);
});

test("a schema with words of its own keeps them", () => {
	const policy = z.union([z.enum(["fail", "go on"]), z.strictObject({ quorum: z.int() })], {
		error: "use fail or go on",
	});
	assert.equal(told(z.object({ policy }), { policy: "x" }), "policy: use fail or go on");
	assert.match(told(z.object({ policy }), { policy: { quorum: "x" } }), /^policy\.quorum: .*expected/);
});

test("no more than a few problems are told, and each once", () => {
	assert.match(told(z.array(z.int()), Array(9).fill("a")), /; and 4 more$/);
	const twice = z.object({ a: z.string() }).and(z.object({ a: z.string() }));
	assert.equal(told(twice, { a: 1 }).split(";").length, 1);
});
