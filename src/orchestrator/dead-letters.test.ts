import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { MemoryHost } from "../../test/memory-host.ts";
import { defineSkill, hasCode, type Orchestrator, TerminalError } from "../index.ts";

const broken = defineSkill({
	name: "work",
	description: "Fails.",
	run() {
		throw new TerminalError("out of order");
	},
});
const mended = defineSkill<{ n: number }, number>({
	name: "work",
	description: "Returns its number.",
	input: z.object({ n: z.number() }),
	run: ({ n }) => n,
});

async function failAll(muster: Orchestrator, inputs: readonly unknown[]): Promise<string[]> {
	const ids = await muster.submitMany(inputs.map((input) => ({ type: "work", input })));
	for (const id of ids) await muster.wait(id);
	return ids;
}

describe("dead letters", () => {
	it("that depend on each other are done again together, in whatever order they are named", async (t) => {
		const muster = await startTest(t, { skills: [broken] });
		const [first, second] = (await muster.submitMany([
			{ type: "work", input: { n: 1 } },
			{ type: "work", input: { n: 2 }, dependsOn: ["#0"] },
		])) as [string, string];
		await muster.wait(second);
		const { ids, refused } = await muster.retryDead({ ids: [second, first] });
		assert.deepEqual([ids, refused], [[`${first}.r`, `${second}.r`], []]);
	});

	it("that cannot be done again hold up none of the others, and are named with the reason", async (t) => {
		const dataDir = temporaryFolder(t);
		const first = await startTest(t, { dataDir, skills: [broken] });
		const [good, bad] = (await failAll(first, [{ n: 1 }, { n: "one" }])) as [string, string];
		await first.shutdown();
		const second = await startTest(t, { dataDir, skills: [mended] });
		const { ids, left, refused } = await second.retryDead();
		assert.deepEqual([ids, left], [[`${good}.r`], 1]);
		assert.deepEqual([refused[0]?.id, refused[0]?.error.code], [bad, "E_INPUT_INVALID"]);
		assert.equal((await second.wait(`${good}.r`)).output, 1);
		const edited = await second.retry(bad, { input: { n: 2 } });
		assert.equal((await second.wait(edited)).output, 2);
		assert.deepEqual(second.deadLetters(), []);
	});

	it("go on with the effects they had, unless the input is another", async (t) => {
		const sent: string[] = [];
		let isBroken = true;
		const send = defineSkill<{ to: string }, string>({
			name: "work",
			description: "Sends, and then fails while it is broken.",
			async run({ to }, context) {
				const run = async (key: string) => {
					sent.push(`${to} ${key}`);
					return "sent";
				};
				await context.effect({ key: "send", describe: `send to ${to}`, run });
				if (isBroken) throw new TerminalError("broken after it was sent");
				return to;
			},
		});
		const muster = await startTest(t, { skills: [send] });
		const [id] = (await failAll(muster, [{ to: "Ann" }])) as [string];
		const again = await muster.retry(id);
		assert.equal((await muster.wait(again)).state, "failed");
		assert.deepEqual(sent, [`Ann ${id}/send`]);
		isBroken = false;
		const edited = await muster.retry(again, { input: { to: "Bob" } });
		assert.equal((await muster.wait(edited)).output, "Bob");
		assert.deepEqual(sent, [`Ann ${id}/send`, `Bob ${edited}/send`]);
	});

	it("of runs, however many, do not hide one that can be done again", async (t) => {
		const muster = await startTest(t, { skills: [broken] });
		const [alone] = await failAll(muster, [1]);
		const items = Array.from({ length: 600 }, (_, i) => i);
		const run = await muster.startRun({
			...{ name: "many", inputs: {}, outputs: {} },
			steps: [
				{ id: "each", skill: "work", needs: [], with: {}, forEach: { in: items, as: "item", onFailure: "continue" } },
			],
		});
		await muster.waitRun(run);
		assert.equal(muster.deadLetters({ limit: 1_000 }).length, 601);
		const { ids, left, refused } = await muster.retryDead();
		assert.deepEqual([ids, left, refused.length], [[`${alone}.r`], 600, 100]);
		assert.match(refused[0]?.error.hint ?? "", new RegExp(`muster retry ${run}`));
	});

	it("are listed in pages that overlap nowhere and leave none out", async (t) => {
		const host = await MemoryHost.open(t, { skills: [broken] });
		await host.orchestrator.submitMany(Array.from({ length: 25 }, (_, n) => ({ type: "work", input: n })));
		await host.pass(200);
		const seen: string[] = [];
		for (let after: string | undefined; ; after = seen.at(-1)) {
			const page = host.orchestrator.deadLetters({ limit: 10, after });
			seen.push(...page.map(({ id }) => id));
			if (page.length < 10) break;
		}
		assert.deepEqual([seen.length, new Set(seen).size], [25, 25]);
	});

	it("are each done again once, by two at the same time and whatever batch of it a kill comes after", async (t) => {
		const count = 1_000;
		const world = { isBroken: true };
		const skill = defineSkill({
			name: "work",
			description: "Fails while it is broken.",
			run() {
				if (world.isBroken) throw new TerminalError("out of order");
				return null;
			},
		});
		const host = await MemoryHost.open(t, { skills: [skill], slots: 1_000 });
		await host.orchestrator.submitMany(Array.from({ length: count }, () => ({ type: "work" })));
		while (host.orchestrator.status().taskQueue.failed < count) await host.pass(20);
		const failed = host.store.batches.length;
		await host.orchestrator.pause();
		await Promise.all([host.orchestrator.retryDead(), host.orchestrator.retryDead()]);
		const whole = [...host.store.batches];
		const redriven = (): string[] =>
			host.history().flatMap((event) => (event.type === "task.redriven" ? [event.as ?? ""] : []));
		assert.equal(new Set(redriven()).size, count);
		assert.ok(whole.length - failed > 2, "it was more than one group");
		world.isBroken = false;
		for (let kept = failed; kept <= whole.length; kept++) {
			await host.restart(() => whole.slice(0, kept));
			await Promise.all([host.orchestrator.retryDead(), host.orchestrator.retryDead()]);
			const all = redriven();
			assert.deepEqual([all.length, new Set(all).size], [count, count], `killed after batch ${kept}`);
			await host.orchestrator.resume();
			while (host.orchestrator.status().taskQueue.completed < count) await host.pass(20);
			assert.equal(host.orchestrator.status().taskQueue.submitted, 2 * count);
			assert.deepEqual(host.orchestrator.deadLetters(), []);
		}
	});

	it("stay put away while the task that delegated them goes on, after a restart, and when it ends", async (t) => {
		const dataDir = temporaryFolder(t);
		const { promise, resolve } = Promise.withResolvers<void>();
		t.after(() => resolve());
		const held = defineSkill({ name: "held", description: "Waits.", run: () => promise.then(() => null) });
		const open = () => startTest(t, { dataDir, skills: [broken, held], coordinators: 1 });
		const first = await open();
		const tasks = [{ type: "work", input: { n: 1 } }, { type: "held" }];
		const id = await first.submit({ type: "coordinate", input: { tasks, onFailure: "best-effort" } });
		for await (const { type } of first.events()) if (type === "task.failed") break;
		assert.equal(first.deadLetters().length, 1);
		assert.equal(await first.dropDead(), 1);
		assert.deepEqual([first.deadLetters(), await first.dropDead()], [[], 0]);
		await first.shutdown({ grace: 0 });
		const second = await open();
		assert.deepEqual(second.deadLetters(), []);
		resolve();
		assert.equal((await second.wait(id)).state, "completed");
		assert.deepEqual(second.deadLetters(), []);
		await second.shutdown();
		assert.deepEqual((await open()).deadLetters(), []);
	});

	it("are put away by their ids, and a task that did not fail is none", async (t) => {
		const muster = await startTest(t, { skills: [broken] });
		const [one, two] = (await failAll(muster, [1, 2])) as [string, string];
		assert.equal(await muster.dropDead({ ids: [one, one] }), 1);
		assert.equal(await muster.dropDead({ ids: [one] }), 0);
		assert.deepEqual(
			muster.deadLetters().map(({ id }) => id),
			[two],
		);
		const later = await muster.submit({ type: "work", delay: "1h" });
		await assert.rejects(muster.dropDead({ ids: [later] }), (error) => hasCode(error, "E_CONFLICT"));
	});
});

describe("a task done again", () => {
	it("depends on what its dependency was done again as", async (t) => {
		const dataDir = temporaryFolder(t);
		const first = await startTest(t, { dataDir, skills: [broken] });
		const [base, next] = (await first.submitMany([
			{ type: "work", input: { n: 1 } },
			{ type: "work", input: { n: 2 }, dependsOn: ["#0"] },
		])) as [string, string];
		assert.equal((await first.wait(next)).state, "skipped");
		await assert.rejects(first.retry(next), (error) => hasCode(error, "E_DEPENDENCY_FAILED"));
		await first.shutdown();
		const second = await startTest(t, { dataDir, skills: [mended] });
		await second.retry(base);
		const again = await second.wait(await second.retry(next));
		assert.deepEqual([again.state, again.retryOf, again.dependsOn], ["completed", next, [`${base}.r`]]);
	});

	it("that fails again is a dead letter of its own, which can be done again", async (t) => {
		const muster = await startTest(t, { skills: [broken] });
		const [id] = (await failAll(muster, [1])) as [string];
		await muster.wait(await muster.retry(id));
		assert.deepEqual(
			muster.deadLetters().map((dead) => dead.id),
			[`${id}.r`],
		);
		assert.equal(await muster.retry(`${id}.r`), `${id}.r2`);
	});

	it("is made once, whoever asks for it at the same time", async (t) => {
		const muster = await startTest(t, { skills: [broken] });
		const [id] = (await failAll(muster, [1])) as [string];
		const asked = await Promise.all(Array.from({ length: 20 }, () => muster.retry(id)));
		assert.deepEqual([...new Set(asked)], [`${id}.r`]);
		assert.equal(muster.status().taskQueue.submitted, 2);
	});
});

describe("a run that is over", () => {
	it("cannot be paused: the pause would never end", async (t) => {
		const muster = await startTest(t, { skills: [mended] });
		const steps = [{ id: "one", skill: "work", needs: [], with: { n: 1 } }];
		const run = await muster.startRun({ name: "short", inputs: {}, steps, outputs: {} });
		await muster.waitRun(run);
		await assert.rejects(muster.pause({ run }), (error) => hasCode(error, "E_CONFLICT"));
		assert.deepEqual(muster.status().paused, []);
	});
});
