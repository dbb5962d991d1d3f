import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { MemoryHost } from "../../test/memory-host.ts";
import { defineSkill, type ErrorCode, hasCode, type SkillContext } from "../index.ts";

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);

/** Asks before it "sends", and counts how often it ran and sent. */
function sender(question: Partial<Parameters<SkillContext["ask"]>[0]> = {}) {
	const seen = { runs: 0, sent: 0 };
	const skill = defineSkill<{ to: string }, unknown>({
		name: "send",
		description: "Sends after approval.",
		async run({ to }, context) {
			seen.runs++;
			const answer = await context.ask({ key: "send", title: `Send to ${to}?`, content: { to }, ...question });
			if (answer.approved) seen.sent++;
			return { ...answer };
		},
	});
	return { skill, seen };
}

describe("a skill that asks a person", () => {
	it("waits without a slot and goes on with the answer", async (t) => {
		const { skill, seen } = sender();
		const other = defineSkill({ name: "other", description: "Other work.", run: () => "done" });
		const muster = await startTest(t, { skills: [skill, other], workers: 1, coordinators: 0 });
		const id = await muster.submit({ type: "send", input: { to: "all" } });
		await asked(muster, 1);
		// The only agent is free for other work meanwhile.
		await muster.wait(await muster.submit({ type: "other" }));
		assert.equal(muster.task(id).state, "waiting");
		assert.equal(muster.task(id).waiting?.reason, "approval");
		const [question] = muster.approvals();
		assert.deepEqual([question?.title, question?.content, question?.task], ["Send to all?", { to: "all" }, id]);
		await muster.approve(question?.id ?? "", { by: "Ann", hash: question?.hash ?? "" });
		const done = await muster.wait(id);
		assert.deepEqual([(done.output as { by: string }).by, seen.sent, seen.runs], ["Ann", 1, 2]);
		assert.deepEqual(muster.approvals(), []);
	});

	it("is told of a denial", async (t) => {
		const { skill, seen } = sender();
		const muster = await startTest(t, { skills: [skill] });
		const id = await muster.submit({ type: "send", input: { to: "all" } });
		await asked(muster, 1);
		await muster.deny(muster.approvals()[0]?.id ?? "", { comment: "no" });
		assert.equal(((await muster.wait(id)).output as { approved: boolean }).approved, false);
		assert.equal(seen.sent, 0);
	});

	it("still asks after a restart, and its question may expire", async (t) => {
		const dataDir = temporaryFolder(t);
		const { skill } = sender({ timeout: 300, onTimeout: "fail" });
		const first = await startTest(t, { dataDir, skills: [skill] });
		const id = await first.submit({ type: "send", input: { to: "all" } });
		await asked(first, 1);
		await first.shutdown();
		const second = await startTest(t, { dataDir, skills: [skill] });
		const over = await second.wait(id);
		assert.deepEqual([over.state, over.error?.code], ["failed", "E_WAIT_EXPIRED"]);
	});

	it("is not answered by the alarm of what it asked before under the same key", async (t) => {
		const changing = defineSkill({
			...{ name: "changing", description: "Asks something else in each attempt." },
			run: async (_, { ask, task }) => {
				if (task.attempt === 1) return { ...(await ask({ key: "ok", title: "First?", timeout: "10s" })) };
				return { ...(await ask({ key: "ok", title: "Second?" })) };
			},
		});
		const host = await MemoryHost.open(t, { skills: [changing] });
		const { orchestrator } = host;
		const id = await orchestrator.submit({ type: "changing" });
		await host.pass(1_000);
		await orchestrator.approve(orchestrator.approvals()[0]?.id ?? "");
		await host.pass(20_000);
		assert.deepEqual(
			orchestrator.approvals().map(({ title, until }) => [title, until]),
			[["Second?", undefined]],
		);
		await orchestrator.approve(orchestrator.approvals()[0]?.id ?? "");
		assert.equal(((await orchestrator.wait(id)).output as { approved: boolean }).approved, true);
	});

	it("is answered only for what it asks, in batches that are taken whole or not at all", async (t) => {
		const { skill, seen } = sender();
		const muster = await startTest(t, { skills: [skill] });
		const ids = await muster.submitMany(["a", "b", "c"].map((to) => ({ type: "send", input: { to } })));
		await asked(muster, 3);
		const questions = muster.approvals().map(({ id }) => id);
		await assert.rejects(muster.approve([...questions, "tsk_none#x"]), code("E_APPROVAL_UNKNOWN"));
		await assert.rejects(muster.approve(questions.slice(0, 1), { hash: "0".repeat(64) }), code("E_CONFLICT"));
		assert.equal(muster.approvals().length, 3);
		await muster.approve(questions);
		for (const id of ids) await muster.wait(id);
		assert.equal(seen.sent, 3);
		// Also of a task that is over: whoever comes second learns what the first one said.
		await assert.rejects(muster.deny(questions.slice(0, 1)), {
			code: "E_CONFLICT",
			message: /is asked no more: already answered: approved at \d{4}-/,
			hint: `Look at it with: muster task ${ids[0]}`,
		});
	});

	it("is told who answered in at most 200 characters, and why in at most 2,000", async (t) => {
		const { skill } = sender();
		const muster = await startTest(t, { skills: [skill] });
		const id = await muster.submit({ type: "send", input: { to: "all" } });
		await asked(muster, 1);
		const question = muster.approvals()[0]?.id ?? "";
		await assert.rejects(muster.approve(question, { by: "a".repeat(201) }), code("E_INPUT_INVALID"));
		await assert.rejects(muster.approve(question, { comment: "a".repeat(2_001) }), code("E_INPUT_INVALID"));
		await muster.approve(question, { by: "a".repeat(200), comment: "a".repeat(2_000) });
		assert.equal((await muster.wait(id)).state, "completed");
	});

	it("can be cancelled while it waits", async (t) => {
		const { skill, seen } = sender();
		const muster = await startTest(t, { skills: [skill] });
		const id = await muster.submit({ type: "send", input: { to: "all" } });
		await asked(muster, 1);
		const [question] = muster.approvals();
		await muster.cancel(id);
		assert.equal((await muster.wait(id)).state, "cancelled");
		await assert.rejects(muster.approve(question?.id ?? ""), { message: /asked no more: the task was cancelled/ });
		assert.deepEqual([muster.approvals(), seen.runs], [[], 1]);
	});
});

describe("a signal", () => {
	it("carries at most as much as an input", async (t) => {
		const muster = await startTest(t);
		const steps = [{ id: "go", needs: [], wait: { signal: "go" } }];
		const run = await muster.startRun({ name: "flow", inputs: {}, outputs: {}, steps });
		const big = "x".repeat(1024 * 1024);
		await assert.rejects(muster.signal(run, "go", big), code("E_INPUT_TOO_LARGE"));
		await muster.signal(run, "go", big.slice(100));
		assert.equal((await muster.waitRun(run)).state, "completed");
	});
});

/** Resolves when so many questions are open. */
async function asked(muster: Awaited<ReturnType<typeof startTest>>, count: number): Promise<void> {
	for await (const event of muster.events()) {
		if (event.type === "task.asked" && muster.approvals().length >= count) return;
	}
}
