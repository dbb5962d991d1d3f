import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTest } from "../../test/fixture.ts";
import { appOn, problem } from "../../test/http-fixture.ts";
import { defineSkill, type Orchestrator } from "../index.ts";

const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });
const broken = defineSkill({
	name: "broken",
	description: "Fails.",
	run: () => {
		throw new Error("broken on purpose");
	},
});

const flow = `apiVersion: muster/v1
kind: Workflow
name: flow
inputs:
  word: { type: string, default: hello }
steps:
  - id: say
    skill: echo
    with: { word: "\${{ inputs.word }}" }
outputs:
  word: \${{ steps.say.output.word }}
`;

describe("routes", () => {
	let orchestrator: Orchestrator;
	let { send, post } = appOn(() => ({ state: "starting" }));
	let end: () => Promise<void>;

	before(async () => {
		const cleanups: (() => unknown)[] = [];
		orchestrator = await startTest({ after: (run: () => unknown) => cleanups.push(run) } as never, {
			skills: [echo, broken],
		});
		({ send, post } = appOn(() => ({ state: "ready", orchestrator })));
		end = async () => {
			for (const cleanup of cleanups.reverse()) await cleanup();
		};
	});
	after(() => end());

	test("a task is created, found, waited for and listed", async () => {
		const created = await post("/v1/tasks", { type: "echo", input: { a: 1 } });
		assert.equal(created.status, 201);
		const { id } = (await created.json()) as { id: string };
		assert.equal(created.headers.get("location"), `/v1/tasks/${id}`);
		const waited = await send(`/v1/tasks/${id}`, { headers: { prefer: "wait=10" } });
		assert.equal(waited.headers.get("preference-applied"), "wait=10");
		const task = (await waited.json()) as { state: string; output: unknown };
		assert.equal(task.state, "completed");
		assert.deepEqual(task.output, { a: 1 });
		const { items } = (await (
			await send("/v1/tasks?limit=200&state=completed,failed&type=echo&since=2020-01-01T00:00:00Z")
		).json()) as { items: { id: string }[] };
		assert.ok(items.some((item) => item.id === id));
	});

	test("a list is one batch, all or nothing", async () => {
		const batch = await post("/v1/tasks:batch", [{ type: "echo" }, { type: "echo", dependsOn: ["#0"] }]);
		assert.equal(batch.status, 201);
		assert.equal(((await batch.json()) as { ids: string[] }).ids.length, 2);
		const before = orchestrator.status().taskQueue.submitted;
		await problem(
			await post("/v1/tasks:batch", [{ type: "echo" }, { type: "echo", dependsOn: ["tsk_none"] }]),
			422,
			"E_DEPENDENCY_UNKNOWN",
		);
		assert.equal(orchestrator.status().taskQueue.submitted, before);
	});

	test("a wait that ends before the work answers with what is there", async () => {
		const { id } = (await (await post("/v1/tasks", { type: "echo", delay: "1h" })).json()) as { id: string };
		const response = await send(`/v1/tasks/${id}`, { headers: { prefer: "wait=0" } });
		assert.equal(((await response.json()) as { state: string }).state, "scheduled");
		const cancelled = await post(`/v1/tasks/${id}/cancel`, {});
		assert.equal(((await cancelled.json()) as { state: string }).state, "cancelled");
	});

	test("failed tasks are in the dead letters, with the code and without a stack", async () => {
		const { id } = (await (await post("/v1/tasks", { type: "broken", retry: false })).json()) as { id: string };
		await orchestrator.wait(id);
		const text = await (await send("/v1/dead-letters")).text();
		const { items } = JSON.parse(text) as { items: { id: string; error: { code: string } }[] };
		assert.equal(items.find((item) => item.id === id)?.error.code, "E_SKILL_FAILED");
		assert.ok(!text.includes("server.test.ts"));
	});

	test("a run goes by the text of a file; its watch ends with it, one line a change", async () => {
		const created = await post("/v1/runs", { workflow: { yaml: flow, file: "flow.yaml" }, inputs: { word: "hi" } });
		assert.equal(created.status, 201);
		const { id } = (await created.json()) as { id: string };
		const watched = await send(`/v1/runs/${id}/watch`);
		assert.equal(watched.headers.get("content-type"), "application/x-ndjson");
		const lines = (await watched.text())
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line));
		assert.equal(lines.at(-1).state, "completed");
		assert.deepEqual(lines.at(-1).outputs, { word: "hi" });
		const tasks = (await (await send(`/v1/runs/${id}/tasks`)).json()) as { items: unknown[] };
		assert.equal(tasks.items.length, 1);
		const cancelled = await post(`/v1/runs/${id}/cancel`, {});
		assert.equal(((await cancelled.json()) as { state: string }).state, "completed");
	});

	test("a workflow has a name, never a path of the server", async () => {
		for (const workflow of ["../secret.yaml", "/etc/passwd", "a/b", "flow.yaml", ".."]) {
			const response = await post("/v1/runs", { workflow });
			assert.ok([400, 404, 422].includes(response.status), `${workflow}: ${response.status}`);
			assert.ok(!(await response.text()).includes("ENOENT"));
		}
		await problem(await send("/v1/workflows/%2Fetc%2Fpasswd"), 400, "E_INPUT_INVALID");
		await problem(await send("/v1/workflows/content-creatoin"), 404, "E_WORKFLOW_UNKNOWN");
		assert.equal((await send("/v1/workflows/content-creation")).status, 200);
	});

	test("a broken workflow text is answered with file, line and column", async () => {
		const yaml = flow.replace("skill: echo", "skil: echo");
		const { detail } = await problem(
			await post("/v1/runs", { workflow: { yaml, file: "my.yaml" } }),
			422,
			"E_WORKFLOW_INVALID",
		);
		assert.match(detail, /^my\.yaml:\d+:\d+ /);
	});

	test("an artifact comes as bytes that no browser shows", async () => {
		const ref = await orchestrator.artifacts.put("x.html", "<script>alert(1)</script>", "text/html");
		const response = await send(`/v1/artifacts/${ref.ref.replace("sha256:", "")}`);
		assert.equal(response.headers.get("content-type"), "application/octet-stream");
		assert.equal(response.headers.get("x-content-type-options"), "nosniff");
		assert.equal(await response.text(), "<script>alert(1)</script>");
		await problem(await send(`/v1/artifacts/${"0".repeat(64)}`), 404, "E_ARTIFACT_UNKNOWN");
		await problem(await send("/v1/artifacts/..%2F..%2Ftoken"), 400, "E_INPUT_INVALID");
	});

	test("malformed bodies are refused", async () => {
		await problem(await post("/v1/tasks", "{"), 400, "E_INPUT_INVALID");
		await problem(await post("/v1/tasks", ""), 400, "E_INPUT_INVALID");
		await problem(await post("/v1/tasks", '"text"'), 400, "E_INPUT_INVALID");
		await problem(await post("/v1/tasks", "null"), 400, "E_INPUT_INVALID");
		await problem(await post("/v1/tasks", { type: "echo" }, { "content-type": "text/plain" }), 415, "E_INPUT_INVALID");
		await problem(await post("/v1/tasks", { type: "echo", unknown: 1 }), 400, "E_INPUT_INVALID");
		await problem(
			await post("/v1/runs", { workflow: "content-creation", inputs: { nothing: 1 } }),
			422,
			"E_INPUT_INVALID",
		);
		await problem(await post("/v1/runs", []), 400, "E_INPUT_INVALID");
		await problem(await send("/v1/tasks?limit=0"), 400, "E_INPUT_INVALID");
		await problem(await send("/v1/tasks?limit=201"), 400, "E_INPUT_INVALID");
		await problem(await send("/v1/tasks?limt=1"), 400, "E_INPUT_INVALID");
		for (const wrong of ["state=lost", "state=", "since=yesterday", "cursor=.$", "workflow=w"]) {
			await problem(await send(`/v1/tasks?${wrong}`), 400, "E_INPUT_INVALID");
		}
		await problem(await send("/v1/tasks?cursor=x"), 422, "E_INPUT_INVALID");
		const deep = `{"type":"echo","input":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
		await problem(await post("/v1/tasks", deep), 422, "E_INPUT_INVALID");
	});

	test("no key reaches a prototype", async () => {
		for (const key of ["__proto__", "constructor", "prototype", "\\u005f_proto__"]) {
			// As a member of its own one of them is looked for before the schemas, which would pass over it.
			const status = key.includes("_proto__") ? 422 : 400;
			await problem(
				await post("/v1/tasks", `{"type":"echo","input":{"${key}":{"polluted":true}}}`),
				422,
				"E_INPUT_INVALID",
			);
			await problem(
				await post("/v1/runs", `{"workflow":"content-creation","inputs":{"${key}":{"polluted":true}}}`),
				422,
				"E_INPUT_INVALID",
			);
			await problem(await post("/v1/tasks", `{"type":"echo","${key}":{"polluted":true}}`), status, "E_INPUT_INVALID");
			await problem(await post("/v1/tasks:batch", `[{"type":"echo","${key}":1}]`), status, "E_INPUT_INVALID");
		}
		assert.equal(({} as { polluted?: boolean }).polluted, undefined);
	});

	test("unknown ids, routes and methods say what there is", async () => {
		await problem(await send("/v1/tasks/tsk_none"), 404, "E_TASK_UNKNOWN");
		await problem(await send("/v1/runs/run_none/watch"), 404, "E_RUN_UNKNOWN");
		const { hint } = await problem(await send("/v1/task"), 404, "E_USAGE");
		assert.match(hint ?? "", /\/v1\/tasks/);
		const wrong = await send("/v1/status", { method: "DELETE" });
		assert.equal(wrong.headers.get("allow"), "GET");
		await problem(wrong, 405, "E_USAGE");
	});
});
