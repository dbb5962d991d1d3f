/** Every route answers as the document says; what requests are refused for, and what a key, a wait and a tag do. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startTest } from "../../test/fixture.ts";
import { document, routes, succeeded } from "../../test/http-contract.ts";
import { appOn, problem } from "../../test/http-fixture.ts";
import { roles } from "../access/role.ts";
import { defineSkill, type Orchestrator, TerminalError } from "../index.ts";

const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });
const broken = defineSkill({
	name: "broken",
	description: "Fails.",
	run: () => {
		throw new TerminalError("broken on purpose");
	},
});

const flow = `apiVersion: muster/v1
kind: Workflow
name: flow
inputs:
  word: { type: string, default: hello }
steps:
  - { id: say, skill: echo, with: { word: "\${{ inputs.word }}" } }
  - { id: ask, needs: [say], wait: { approval: { title: Go on } } }
outputs:
  word: \${{ steps.say.output.word }}
triggers:
  - event: com.example.order
`;
const workflow = { yaml: flow };

async function open(t: TestContext) {
	const orchestrator = await startTest(t, { skills: [echo, broken] });
	return { orchestrator, ...appOn(() => ({ state: "ready", orchestrator })) };
}

const json = async <T>(response: Response | Promise<Response>): Promise<T> => (await (await response).json()) as T;

async function until<T>(look: () => T | undefined, orchestrator: Orchestrator): Promise<T> {
	for await (const _ of orchestrator.events()) {
		const found = look();
		if (found !== undefined) return found;
	}
	throw new Error("it did not come");
}

test("every route answers with a success that the document describes", async (t) => {
	const { orchestrator, send, post } = await open(t);
	const remove = (path: string) => send(path, { method: "DELETE" });
	const waited = { prefer: "wait=20" };
	// Tasks.
	const { id } = await json<{ id: string }>(post("/v1/tasks", { type: "echo", input: 1 }, waited));
	const { ids } = await json<{ ids: string[] }>(post("/v1/tasks:batch", [{ type: "broken" }, { type: "nobody" }]));
	const [failed, open1] = ids as [string, string];
	await orchestrator.wait(failed);
	for (const path of ["", `/${id}`, `/${id}/why`, `/${open1}/why`, `/${failed}`, `/${failed}/events?limit=1`])
		await send(`/v1/tasks${path}`);
	await post(`/v1/tasks/${failed}/retry`, {});
	await orchestrator.wait(`${failed}.r`);
	await post(`/v1/tasks/${open1}/cancel`, {});
	await send("/v1/dead-letters?limit=1");
	await post("/v1/dead-letters/retry", { type: "none" });
	await post("/v1/dead-letters/drop", {});
	// Runs, and what people are asked in them.
	const run = await json<{ id: string }>(post("/v1/runs", { workflow, inputs: { word: "hi" } }));
	const approval = await until(() => orchestrator.approvals()[0], orchestrator);
	await send("/v1/approvals");
	for (const path of ["", `/${run.id}`, `/${run.id}/tasks`, `/${run.id}/events`]) await send(`/v1/runs${path}`);
	await post(`/v1/runs/${run.id}/pause`, { reason: "a look" });
	await send(`/v1/runs/${run.id}`);
	await post(`/v1/runs/${run.id}/resume`, {});
	await post(`/v1/runs/${run.id}/signals`, { name: "go" });
	await post("/v1/approvals", { ids: [approval.id], approved: true, by: "Ann" });
	await send(`/v1/runs/${run.id}`, { headers: waited });
	await (await send(`/v1/runs/${run.id}/watch`)).text();
	const again = await json<{ id: string }>(post(`/v1/runs/${run.id}/retry`, { from: "ask" }));
	await post(`/v1/runs/${again.id}/cancel`, {});
	// Workflows and what starts them.
	await send("/v1/workflows");
	await send("/v1/workflows/content-creation");
	await post("/v1/workflows:validate", { yaml: flow });
	await post("/v1/workflows:validate", { yaml: flow.replace("skill: echo", "skil: echo") });
	await post("/v1/triggers", { workflow });
	await send("/v1/triggers");
	await post("/v1/events", { type: "com.example.order" });
	await remove("/v1/triggers/flow");
	await post("/v1/schedules", { id: "nightly", cron: "0 3 * * *", task: { type: "echo" }, note: "at night" });
	await send("/v1/schedules");
	await remove("/v1/schedules/nightly");
	// The fleet.
	await send("/v1/status");
	await send("/v1/activity?bucket=5m");
	const { items } = await json<{ items: { name: string }[] }>(send("/v1/agents"));
	await send(`/v1/agents/${items[0]?.name}`);
	for (const what of ["pause", "drain", "resume"]) await post(`/v1/${what}`, {});
	const { ref } = await orchestrator.artifacts.put("a.txt", "text", "text/plain");
	await send(`/v1/artifacts/${ref.replace("sha256:", "")}`);
	// The bus.
	const service = orchestrator.bus.serve({
		...{ name: "prices", version: "1.0.0" },
		endpoints: [{ name: "get", subject: "prices.get", handle: () => ({ price: 7 }) }],
	});
	await post("/v1/bus/streams", { name: "orders", subjects: ["orders.>"], maxAge: "1h" });
	await post("/v1/bus/append", { subject: "orders.paid", data: { order: 17 }, messageId: "17" });
	await post("/v1/bus/publish", { subject: "orders.seen", data: 1, headers: { by: "Ann" } });
	assert.deepEqual((await json<{ data: unknown }>(post("/v1/bus/request", { subject: "prices.get" }))).data, {
		price: 7,
	});
	for (const path of ["", "/services?name=prices", "/streams", "/streams/orders", "/streams/orders/messages"]) {
		await send(`/v1/bus${path}`);
	}
	await remove("/v1/bus/streams/orders");
	await service.stop();
	await post("/v1/tokens", { name: "dashboard", role: "viewer", expires: "30d" });
	await send("/v1/tokens");
	await remove("/v1/tokens/dashboard");
	for (const path of ["/healthz", "/readyz", "/openapi.json", "/docs"]) await send(path);
	// A webhook is signed; its own tests have one that is.
	assert.deepEqual(
		routes.map(({ name }) => name).filter((name) => !succeeded.has(name)),
		["webhook"],
	);
});

test("every operation has a name, a tag, a role and its problems in the document", () => {
	const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
		Object.entries(methods as object).map(([method, operation]) => ({ path, method, ...operation })),
	);
	assert.equal(operations.length, routes.length);
	assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
	const tags = new Set(document.tags?.map(({ name }) => name));
	for (const { path, method, summary, tags: own, responses, security, "x-muster-role": role } of operations) {
		assert.ok(summary.length > 5 && tags.has(own[0]) && roles.includes(role), `${method} ${path}`);
		assert.equal(security.length, role === "anyone" ? 0 : 1);
		const wanted = path.startsWith("/v1/tokens") ? "admin" : method === "get" ? "viewer" : "operator";
		if (role !== "anyone") assert.equal(role, path === "/v1/workflows:validate" ? "viewer" : wanted, path);
		for (const status of ["400", "403", "500"]) assert.ok(responses[status], `${method} ${path} ${status}`);
	}
});

test("an idempotency key gives the same task again, and is refused for another one", async (t) => {
	const { post } = await open(t);
	const headers = { "idempotency-key": "order-17" };
	const first = await post("/v1/tasks", { type: "echo", input: 1 }, headers);
	const second = await post("/v1/tasks", { type: "echo", input: 1 }, headers);
	assert.deepEqual([first.status, second.status], [201, 201]);
	assert.deepEqual(
		[first, second].map((one) => one.headers.get("idempotency-replayed")),
		[null, "true"],
	);
	assert.equal(first.headers.get("location"), second.headers.get("location"));
	await problem(await post("/v1/tasks", { type: "echo", input: 2 }, headers), 422, "E_IDEMPOTENCY_CONFLICT");
	const both = { type: "echo", idempotencyKey: "other" };
	await problem(await post("/v1/tasks", both, headers), 422, "E_INPUT_INVALID");
});

test("the same holds for runs, also of requests at the same time", async (t) => {
	const { orchestrator, post } = await open(t);
	const headers = { "idempotency-key": "report-17" };
	const start = () => post("/v1/runs", { workflow, inputs: { word: "hi" } }, headers);
	const answers = await Promise.all([start(), start(), start()]);
	const ids = await Promise.all(answers.map(async (one) => (await json<{ id: string }>(one)).id));
	assert.equal(new Set(ids).size, 1);
	assert.equal(orchestrator.runs().items.length, 1);
	assert.deepEqual(
		answers.map((one) => one.headers.get("idempotency-replayed")),
		[null, "true", "true"],
	);
	await problem(await post("/v1/runs", { workflow, inputs: { word: "ho" } }, headers), 422, "E_IDEMPOTENCY_CONFLICT");
	assert.equal(
		await orchestrator.startRun("content-creation", { topic: "a" }, { idempotencyKey: "b" }),
		await orchestrator.startRun("content-creation", { topic: "a" }, { idempotencyKey: "b" }),
	);
});

test("a submit that waits answers 200 when it is over, and 202 when it is not", async (t) => {
	const { post } = await open(t);
	const over = await post("/v1/tasks", { type: "echo" }, { prefer: "wait=20" });
	assert.deepEqual([over.status, over.headers.get("preference-applied")], [200, "wait=20"]);
	assert.equal((await json<{ state: string }>(over)).state, "completed");
	const open1 = await post("/v1/tasks", { type: "echo", delay: "1h" }, { prefer: "respond-async, wait=0" });
	assert.equal(open1.status, 202);
	assert.match(open1.headers.get("location") ?? "", /^\/v1\/tasks\/tsk_/);
	assert.equal((await post("/v1/runs", { workflow }, { prefer: "wait=0" })).status, 202);
});

test("an answer that is as its tag says is not sent again", async (t) => {
	const { orchestrator, send } = await open(t);
	const id = await orchestrator.submit({ type: "echo" });
	await orchestrator.wait(id);
	for (const path of [`/v1/tasks/${id}`, "/v1/tasks", "/v1/agents", "/v1/workflows/content-creation"]) {
		const etag = (await send(path)).headers.get("etag") ?? "";
		assert.match(etag, /^"[\w-]+"$/);
		const same = await send(path, { headers: { "if-none-match": `"other", W/${etag}` } });
		assert.deepEqual([same.status, await same.text(), same.headers.get("etag")], [304, "", etag]);
		assert.equal((await send(path, { headers: { "if-none-match": '"other"' } })).status, 200);
	}
});

test("what does not fit is named place by place", async (t) => {
	const { post, send } = await open(t);
	const body = { type: "echo", priority: "hihg", retry: { maxAttempts: 0 } };
	const { errors, instance } = await json<{ errors: { pointer: string }[]; instance: string }>(post("/v1/tasks", body));
	assert.deepEqual(
		[errors.map(({ pointer }) => pointer), instance],
		[["/priority", "/retry/maxAttempts"], "/v1/tasks"],
	);
	const query = await json<{ errors: { pointer: string }[] }>(send("/v1/tasks?limit=0&limit=1"));
	assert.deepEqual(
		query.errors.map(({ pointer }) => pointer),
		["query/limit"],
	);
	await problem(await post("/v1/bus/request", { subject: "nobody.here" }), 404, "E_NO_RESPONDERS");
});
