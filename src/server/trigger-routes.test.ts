import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { appOn, PORT, problem, TOKEN } from "../../test/http-fixture.ts";
import { defineSkill } from "../index.ts";

const SECRET = "a secret of this test alone";

async function open(t: TestContext) {
	const folder = temporaryFolder(t);
	const secretFile = join(folder, "secret");
	writeFileSync(secretFile, `${SECRET}\n`);
	const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });
	const orchestrator = await startTest(t, { skills: [echo] });
	const yaml = `apiVersion: muster/v1
kind: Workflow
name: orders
inputs:
  order: { type: object }
steps:
  - { id: say, skill: echo, with: { order: "\${{ inputs.order }}" } }
outputs:
  order: \${{ steps.say.output.order }}
triggers:
  - webhook: { path: /orders, secret: "\${file:${secretFile}}" }
    with: { order: "\${{ event.data }}" }
  - event: order
    with: { order: "\${{ event.data }}" }
  - cron: { expr: "0 7 * * 1-5" }
    with: { order: { at: "\${{ trigger.dueAt }}" } }
`;
	return { orchestrator, secretFile, yaml, ...appOn(() => ({ state: "ready", orchestrator })) };
}

const now = (): number => Math.floor(Date.now() / 1_000);

/** Signed as https://www.standardwebhooks.com says, but for what is given otherwise. */
function signed(body: string, { id = "msg_1", time = now(), secret = SECRET, signature = "" } = {}) {
	const right = createHmac("sha256", secret).update(`${id}.${time}.${body}`).digest("base64");
	return {
		...{ host: `127.0.0.1:${PORT}`, "webhook-id": id, "webhook-timestamp": String(time) },
		"webhook-signature": signature || `v1,${right}`,
	};
}

describe("a webhook", () => {
	it("takes a signed call without a token, once for each id", async (t) => {
		const { app, orchestrator, post, yaml } = await open(t);
		assert.equal((await post("/v1/triggers", { workflow: { yaml } })).status, 201);
		const body = JSON.stringify({ sku: "A-1" });
		const call = (headers: Record<string, string>, path = "/hooks/orders") =>
			app.request(`http://127.0.0.1:${PORT}${path}`, { method: "POST", headers, body });
		const first = await call(signed(body));
		assert.equal(first.status, 202);
		const { runs } = (await first.json()) as { runs: string[] };
		assert.equal(runs.length, 1);
		assert.deepEqual((await orchestrator.waitRun(runs[0] ?? "")).outputs, { order: { sku: "A-1" } });
		assert.deepEqual(await (await call(signed(body))).json(), { runs, refused: [] });
		assert.equal(orchestrator.runs().items.length, 1);
		const more = await call(signed(body, { id: "msg_2" }));
		assert.notDeepEqual(((await more.json()) as { runs: string[] }).runs, runs);
	});

	it("is refused in one way whatever is wrong with it, and starts nothing", async (t) => {
		const { app, orchestrator, post, yaml, secretFile } = await open(t);
		await post("/v1/triggers", { workflow: { yaml } });
		const body = JSON.stringify({ sku: "A-1" });
		const call = (headers: Record<string, string>, path = "/hooks/orders", sent = body) =>
			app.request(`http://127.0.0.1:${PORT}${path}`, { method: "POST", headers, body: sent });
		const { "webhook-id": _, ...withoutId } = signed(body);
		const answers = [
			await call({ host: `127.0.0.1:${PORT}` }),
			await call(signed(body), "/hooks/nothing-here"),
			await call(signed(body, { secret: "another" })),
			await call(signed(body, { secret: "" })),
			await call(signed(body, { signature: "v1," })),
			await call(signed(body, { signature: `v2,${"A".repeat(44)}` })),
			await call(signed(body, { time: now() - 301 })),
			await call(signed(body, { time: now() + 310 })),
			await call({ ...signed(body), "webhook-id": "msg_9" }),
			await call(withoutId),
			await call(signed(body), "/hooks/orders", `${body} `),
			// The token is for callers who have it, and is not a signature.
			await call({ host: `127.0.0.1:${PORT}`, authorization: `Bearer ${TOKEN}` }),
		];
		const texts = await Promise.all(answers.map((answer) => problem(answer, 401, "E_UNAUTHORIZED")));
		assert.equal(new Set(texts.map(({ detail }) => detail)).size, 1);
		rmSync(secretFile);
		await problem(await call(signed(body)), 401, "E_UNAUTHORIZED");
		assert.deepEqual(orchestrator.runs().items, []);
		await problem(await call({ ...signed(body), host: "evil.example" }), 403, "E_FORBIDDEN");
		await problem(await call({ ...signed(body), origin: "https://evil.example" }), 403, "E_FORBIDDEN");
	});

	it("with a body that is no JSON, or too long, is refused by name", async (t) => {
		const { app, post, yaml } = await open(t);
		await post("/v1/triggers", { workflow: { yaml } });
		const call = (body: string) =>
			app.request(`http://127.0.0.1:${PORT}/hooks/orders`, { method: "POST", headers: signed(body), body });
		await problem(await call("no json"), 422, "E_INPUT_INVALID");
		await problem(await call(`"${"x".repeat(1024 * 1024)}"`), 413, "E_INPUT_TOO_LARGE");
	});

	it("takes no other method, and answers 503 before the orchestrator works", async (t) => {
		const { app } = await open(t);
		const headers = { host: `127.0.0.1:${PORT}` };
		for (const [method, path, status] of [
			["GET", "/hooks/orders", 405],
			["DELETE", "/hooks/nothing-here", 405],
			["POST", "/hooks", 401],
			["POST", "/v1/triggers", 401],
		] as const) {
			const answer = await app.request(`http://127.0.0.1:${PORT}${path}`, { method, headers });
			assert.equal(answer.status, status, path);
		}
		const starting = appOn(() => ({ state: "starting" })).app;
		const early = await starting.request(`http://127.0.0.1:${PORT}/hooks/orders`, {
			method: "POST",
			headers: signed("{}"),
			body: "{}",
		});
		await problem(early, 503, "E_STARTING");
	});
});

describe("routes of what starts by itself", () => {
	it("enable, list and disable a workflow, with its schedule", async (t) => {
		const { send, post, yaml } = await open(t);
		await post("/v1/triggers", { workflow: { yaml } });
		const items = async (path: string) =>
			((await (await send(path)).json()) as { items: Record<string, unknown>[] }).items;
		const [enabled] = await items("/v1/triggers");
		assert.deepEqual(enabled?.triggers, [
			...[{ webhook: "/hooks/orders" }, { event: "order" }],
			{ cron: "0 7 * * 1-5", timezone: "UTC", schedule: "workflow:orders:2" },
		]);
		assert.deepEqual(
			(await items("/v1/schedules")).map(({ workflow }) => workflow),
			["orders"],
		);
		await problem(await send("/v1/schedules/workflow%3Aorders%3A2", { method: "DELETE" }), 409, "E_CONFLICT");
		const event = await post("/v1/events", { type: "order", data: { sku: "B-7" } });
		assert.equal(((await event.json()) as { runs: string[] }).runs.length, 1);
		assert.equal((await send("/v1/triggers/orders", { method: "DELETE" })).status, 200);
		assert.deepEqual([await items("/v1/triggers"), await items("/v1/schedules")], [[], []]);
	});

	it("make, list and delete a schedule of a task", async (t) => {
		const { send, post } = await open(t);
		const made = await post("/v1/schedules", { id: "nightly", cron: "0 3 * * *", task: { type: "echo" } });
		assert.equal(made.status, 201);
		assert.equal(((await made.json()) as { id: string }).id, "nightly");
		assert.equal((await send("/v1/schedules/nightly", { method: "DELETE" })).status, 200);
		await problem(await send("/v1/schedules/nightly", { method: "DELETE" }), 404, "E_SCHEDULE_UNKNOWN");
		await problem(await post("/v1/schedules", { cron: "x", task: { type: "echo" } }), 422, "E_INPUT_INVALID");
	});
});
