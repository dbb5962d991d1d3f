import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startTest } from "../../test/fixture.ts";
import { appOn, problem } from "../../test/http-fixture.ts";
import { defineSkill, TerminalError } from "../index.ts";

const work = defineSkill<{ ok?: boolean } | null, string>({
	name: "work",
	description: "Fails unless it is told not to.",
	run(input) {
		if (input?.ok !== true) throw new TerminalError("out of order");
		return "done";
	},
});

async function open(t: TestContext) {
	const orchestrator = await startTest(t, { skills: [work] });
	return { orchestrator, ...appOn(() => ({ state: "ready", orchestrator })) };
}

const json = async <T>(response: Response): Promise<T> => (await response.json()) as T;

test("a pause and a resume answer with what is paused now", async (t) => {
	const { send, post } = await open(t);
	const paused = await post("/v1/pause", { scope: { type: "work" }, reason: "maintenance" });
	const list = (await json<{ paused: { scope: string; reason: string }[] }>(paused)).paused;
	assert.deepEqual([list[0]?.scope, list[0]?.reason], ["type:work", "maintenance"]);
	assert.deepEqual((await json<{ paused: unknown[] }>(await send("/v1/status"))).paused, list);
	assert.deepEqual(await json(await post("/v1/resume", { scope: "type:work" })), { paused: [] });
	assert.equal((await json<{ paused: { scope: string }[] }>(await post("/v1/pause", {}))).paused[0]?.scope, "all");
});

test("what cannot be paused, and a body that is not understood, are refused", async (t) => {
	const { send, post } = await open(t);
	await problem(await post("/v1/pause", { scope: "everything" }), 400, "E_INPUT_INVALID");
	await problem(await post("/v1/pause", { scope: { type: "a", run: "b" } }), 400, "E_INPUT_INVALID");
	await problem(await post("/v1/pause", { scope: "run:run_none" }), 404, "E_RUN_UNKNOWN");
	await problem(await post("/v1/pause", { scop: "all" }), 400, "E_INPUT_INVALID");
	// A body that is passed over in silence would pause everything instead of the one type that was meant.
	await problem(await send("/v1/pause", { method: "POST", body: '{"scope":"type:work"}' }), 415, "E_INPUT_INVALID");
});

test("a drain answers when nothing runs, and everything stays paused", async (t) => {
	const { post } = await open(t);
	const { paused } = await json<{ paused: { scope: string }[] }>(await post("/v1/drain", { timeout: "5s" }));
	assert.deepEqual(
		paused.map(({ scope }) => scope),
		["all"],
	);
});

test("a failed task is retried once, with another input when one is given", async (t) => {
	const { orchestrator, post } = await open(t);
	const id = await orchestrator.submit({ type: "work" });
	await orchestrator.wait(id);
	const created = await post(`/v1/tasks/${id}/retry`, { input: { ok: true } });
	assert.deepEqual([created.status, created.headers.get("location")], [201, `/v1/tasks/${id}.r`]);
	assert.equal((await json<{ retryOf: string }>(created)).retryOf, id);
	assert.equal((await orchestrator.wait(`${id}.r`)).output, "done");
	assert.equal((await json<{ id: string }>(await post(`/v1/tasks/${id}/retry`, {}))).id, `${id}.r`);
	await problem(await post(`/v1/tasks/${id}.r/retry`, {}), 409, "E_CONFLICT");
	await problem(await post("/v1/tasks/tsk_none/retry", {}), 404, "E_TASK_UNKNOWN");
});

test("dead letters are chosen by type, code and ids, listed in pages, retried and dropped", async (t) => {
	const { orchestrator, send, post } = await open(t);
	const ids = await orchestrator.submitMany([{ type: "work" }, { type: "work" }, { type: "work" }]);
	for (const id of ids) await orchestrator.wait(id);
	const listed = async (query: string): Promise<string[]> =>
		(await json<{ items: { id: string }[] }>(await send(`/v1/dead-letters?${query}`))).items.map(({ id }) => id);
	assert.deepEqual(await listed("type=other"), []);
	assert.deepEqual(await listed("code=E_TIMEOUT"), []);
	const first = await listed("limit=2");
	assert.deepEqual([...first, ...(await listed(`cursor=${first[1]}`))].sort(), [...ids].sort());
	await problem(await send("/v1/dead-letters?limit=0"), 400, "E_INPUT_INVALID");
	const retried = await json<{ ids: string[]; left: number }>(await post("/v1/dead-letters/retry", { ids: [ids[0]] }));
	assert.deepEqual([retried.ids, retried.left], [[`${ids[0]}.r`], 0]);
	await orchestrator.wait(`${ids[0]}.r`);
	assert.deepEqual(await json(await post("/v1/dead-letters/drop", { code: "E_SKILL_FAILED" })), { dropped: 3 });
	assert.deepEqual(await listed(""), []);
});

test("a submit beyond a limit that rejects is a conflict that may be tried again", async (t) => {
	const { post } = await open(t);
	await post("/v1/pause", {});
	const spec = { type: "work", concurrency: { key: "k", policy: "reject" } };
	assert.equal((await post("/v1/tasks", spec)).status, 201);
	const body = (await problem(await post("/v1/tasks", spec), 409, "E_CONFLICT")) as { retryable?: boolean };
	assert.equal(body.retryable, true);
});
