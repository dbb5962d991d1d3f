import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { defineSkill, type ErrorCode, hasCode } from "../index.ts";
import { type Log, silentLog } from "../log.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import { secretOf } from "./webhook.ts";

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);

/** Secrets that are no key, for anybody could have made them up. */
const WEAK = ["whsec_", "whsec_!!!", `whsec_${"A".repeat(31)}`, "x".repeat(23), `whsec_${"A".repeat(40)}!`];
const STRONG = "x".repeat(24);

function secretFile(t: TestContext) {
	const path = join(temporaryFolder(t), "secret");
	const write = (text: string) => writeFileSync(path, `${text}\n`);
	return { path, write, reference: `\${file:${path}}` };
}

describe("the secret of a webhook", () => {
	it("is a text, or base64 behind whsec_, of at least 24 bytes, from the environment or a file", async (t) => {
		const { write, reference, path } = secretFile(t);
		const base64 = Buffer.alloc(24, 7).toString("base64");
		for (const [text, key] of [
			[STRONG, Buffer.from(STRONG)],
			[`whsec_${base64}`, Buffer.alloc(24, 7)],
		] as const) {
			write(text);
			assert.deepEqual(await secretOf(reference), key);
			process.env.WEBHOOK_TEST_SECRET = text;
			t.after(() => delete process.env.WEBHOOK_TEST_SECRET);
			assert.deepEqual(await secretOf("${env:WEBHOOK_TEST_SECRET}"), key);
		}
		for (const text of [...WEAK, "x".repeat(5_000)]) {
			write(text);
			await assert.rejects(secretOf(reference), code("E_CONFIG_INVALID"), text);
		}
		write("");
		assert.equal(await secretOf(reference), undefined);
		rmSync(path);
		assert.equal(await secretOf(reference), undefined);
		await assert.rejects(secretOf(`\${file:${join(path, "..")}}`), code("E_FILE_UNREADABLE"));
	});

	it("is refused when the workflow is enabled, and opens nothing when it becomes weak later", async (t) => {
		const { write, reference } = secretFile(t);
		const errors: unknown[] = [];
		const log: Log = { ...silentLog, error: (_, fields) => void errors.push(fields?.code), child: () => log };
		const quick = defineSkill({ name: "quick", description: "Returns.", run: () => null });
		const muster = await startTest(t, { skills: [quick], log });
		const workflow: WorkflowDefinition = {
			...{ name: "hooked", inputs: {}, outputs: {}, steps: [{ id: "a", skill: "quick", needs: [], with: {} }] },
			triggers: [{ webhook: { path: "hook", secret: reference } }],
		};
		for (const text of WEAK) {
			write(text);
			await assert.rejects(muster.enableWorkflow(workflow), code("E_CONFIG_INVALID"));
		}
		assert.deepEqual(await muster.enabledWorkflows(), []);
		write(STRONG);
		await muster.enableWorkflow(workflow);
		const call = (key: string | Buffer) => {
			const body = Buffer.from("{}");
			const headers = new Map([
				["webhook-id", "msg_1"],
				["webhook-timestamp", String(Math.floor(Date.now() / 1_000))],
			]);
			const before = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.`;
			headers.set("webhook-signature", `v1,${createHmac("sha256", key).update(before).update(body).digest("base64")}`);
			return muster.webhook({ path: "hook", body, header: (name) => headers.get(name) });
		};
		write("whsec_!!!");
		await assert.rejects(call(Buffer.alloc(0)), code("E_UNAUTHORIZED"));
		assert.deepEqual(errors, ["E_CONFIG_INVALID"]);
		write(STRONG);
		assert.equal((await call(STRONG)).runs.length, 1);
	});
});
