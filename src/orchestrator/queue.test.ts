import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { defineSkill, type ErrorCode, hasCode, type Orchestrator, RetryableError, TerminalError } from "../index.ts";

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);
const quick = defineSkill({ name: "quick", description: "Returns its input.", run: (input) => input });

/** A skill that runs until it is let go; tells how many run at most at a time. */
function held() {
	const waiting: (() => void)[] = [];
	const seen = { running: 0, most: 0, began: 0 };
	const begun: (() => void)[] = [];
	const skill = defineSkill({
		name: "held",
		description: "Runs until it is let go.",
		async run(_, { signal }) {
			seen.began++;
			seen.most = Math.max(seen.most, ++seen.running);
			for (const wake of begun.splice(0)) wake();
			await new Promise<void>((resolve, reject) => {
				waiting.push(resolve);
				signal.addEventListener("abort", () => reject(signal.reason), { once: true });
			});
			seen.running--;
			return null;
		},
	});
	return {
		...{ skill, seen },
		letGo: (count = 1): void => {
			for (const resolve of waiting.splice(0, count)) resolve();
		},
		/** Resolves when so many have begun. */
		async begun(count: number): Promise<void> {
			while (seen.began < count) await new Promise<void>((resolve) => begun.push(resolve));
		},
	};
}

const ended = async (muster: Orchestrator, ids: readonly string[]) => {
	for (const id of ids) await muster.wait(id);
};

describe("a pause", () => {
	it("lets nothing start from the call on, survives a restart, and ends with a resume", async (t) => {
		const dataDir = temporaryFolder(t);
		const first = await startTest(t, { dataDir, skills: [quick] });
		const stored = first.pause("all", { reason: "maintenance" });
		const id = await first.submit({ type: "quick", input: 1 });
		await stored;
		assert.deepEqual(first.task(id).waiting?.reason, "paused");
		assert.match(
			first.task(id).waiting?.text ?? "",
			/everything is paused since .* \(maintenance\); it goes on with: muster resume all/,
		);
		await first.shutdown();
		const second = await startTest(t, { dataDir, skills: [quick] });
		assert.equal(second.task(id).state, "ready");
		assert.equal(second.status().paused[0]?.reason, "maintenance");
		await second.resume();
		assert.equal((await second.wait(id)).output, 1);
	});

	it("of a type leaves other types alone", async (t) => {
		const muster = await startTest(t, { skills: [quick, { ...quick, name: "other" }] });
		await muster.pause({ type: "quick" });
		const [paused, free] = await muster.submitMany([{ type: "quick" }, { type: "other" }]);
		await muster.wait(free as string);
		assert.equal(muster.task(paused as string).waiting?.reason, "paused");
		await muster.resume("type:quick");
		await muster.wait(paused as string);
	});

	it("of a run holds back its steps, and its resume lets it go on", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill, quick] });
		const step = (id: string, name: string, needs: string[]) => ({ id, skill: name, needs, with: {} });
		const steps = [step("one", "held", []), step("two", "quick", ["one"])];
		const run = await muster.startRun({ name: "two-steps", inputs: {}, steps, outputs: {} });
		await skill.begun(1);
		await muster.pause({ run });
		skill.letGo();
		await muster.wait(`${run}.one`);
		assert.equal(muster.task(`${run}.two`).waiting?.reason, "paused");
		assert.equal(muster.run(run).waiting?.reason, "paused");
		await muster.resume({ run });
		assert.equal((await muster.waitRun(run)).state, "completed");
	});

	it("ends for every scope from the resume on, and a kill before that is stored leaves the pause and no effect", async (t) => {
		const seen = { began: 0, sent: 0 };
		const send = defineSkill({
			...{ name: "send", description: "Sends once." },
			async run(_, { effect }) {
				seen.began++;
				await effect({ key: "send", describe: "send", run: async () => ++seen.sent });
				return null;
			},
		});
		const host = await MemoryHost.open(t, { skills: [send] });
		const steps = [{ id: "one", skill: "send", needs: [], with: {} }];
		const scopes = ["all", "type:send", "workflow:sends"];
		for (const scope of scopes) await host.orchestrator.pause(scope);
		const run = await host.orchestrator.startRun({ name: "sends", inputs: {}, steps, outputs: {} });
		const resume = async () => {
			for (const scope of scopes) void host.orchestrator.resume(scope);
			await turns(20);
		};
		host.store.write = () => new Promise(() => undefined); // the disk is slow
		await resume();
		assert.deepEqual([seen, host.orchestrator.task(`${run}.one`).state], [{ began: 1, sent: 0 }, "running"]);
		await host.restart();
		assert.deepEqual(
			[host.orchestrator.status().paused.map(({ scope }) => scope), host.orchestrator.task(`${run}.one`).state],
			[scopes, "ready"],
		);
		await resume();
		await host.pass(100);
		assert.deepEqual([seen, host.orchestrator.run(run).state], [{ began: 2, sent: 1 }, "completed"]);
	});

	it("of something that cannot be paused is refused", async (t) => {
		const muster = await startTest(t, { skills: [quick] });
		await assert.rejects(muster.pause("everything"), code("E_INPUT_INVALID"));
		await assert.rejects(muster.pause({ run: "run_none" }), code("E_RUN_UNKNOWN"));
	});

	it("by a drain resolves when nothing runs any more", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill] });
		await muster.submit({ type: "held" });
		await skill.begun(1);
		await assert.rejects(muster.drain({ timeout: 20 }), code("E_WAIT_TIMEOUT"));
		const drained = muster.drain();
		skill.letGo();
		await drained;
		assert.equal(muster.status().taskQueue.running, 0);
	});
});

describe("a limit", () => {
	it("of a concurrency key is kept, and a waiting task names who holds it", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill] });
		const ids = await muster.submitMany(
			Array.from({ length: 5 }, () => ({ type: "held", concurrency: { key: "k", limit: 2 } })),
		);
		await skill.begun(2);
		const { waiting } = muster.task(ids[4] as string);
		assert.deepEqual([waiting?.reason, waiting?.holders], ["limit", ids.slice(0, 2)]);
		for (let i = 3; i <= 5; i++) {
			skill.letGo();
			await skill.begun(i);
		}
		skill.letGo(5);
		await ended(muster, ids);
		assert.equal(skill.seen.most, 2);
	});

	it("of a concurrency key tells about when a task has its turn, once one of its type has ended", async (t) => {
		const host = await MemoryHost.open(t, {
			skills: [defineSkill({ name: "slow", description: "Takes a second.", run: () => second() })],
		});
		const second = (): Promise<null> => new Promise((resolve) => void host.clock.after(1_000, () => resolve(null)));
		const spec = { type: "slow", concurrency: { key: "k" } };
		const ids = await host.orchestrator.submitMany([spec, spec, spec]);
		const estimate = () => host.orchestrator.task(ids[2] as string).waiting?.estimateMs;
		await host.pass(500);
		assert.equal(estimate(), undefined);
		await host.pass(1_000);
		assert.equal(estimate(), 1_000);
		await host.pass(2_000);
		assert.equal(host.orchestrator.task(ids[2] as string).state, "completed");
	});

	it("of a type and of all is kept", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill], workers: 6, limits: { types: { held: 3 } } });
		const ids = await muster.submitMany(Array.from({ length: 6 }, () => ({ type: "held" })));
		await skill.begun(3);
		assert.match(muster.task(ids[5] as string).waiting?.text ?? "", /at most 3 of type held/);
		skill.letGo(3);
		await skill.begun(6);
		skill.letGo(3);
		await ended(muster, ids);
		assert.equal(skill.seen.most, 3);
	});

	it("that rejects takes exactly as many of those submitted at once as it allows", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill], workers: 4 });
		const spec = { type: "held", concurrency: { key: "k", limit: 3, policy: "reject" as const } };
		const results = await Promise.allSettled(Array.from({ length: 10 }, () => muster.submit(spec)));
		assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
		for (const result of results) {
			if (result.status === "rejected") assert.ok(hasCode(result.reason, "E_CONFLICT"));
		}
		await skill.begun(3);
		skill.letGo(3);
	});

	it("that cancels the previous ones leaves the newest", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill] });
		const concurrency = { key: "k", limit: 1, policy: "cancel-previous" as const };
		const first = await muster.submit({ type: "held", concurrency });
		await skill.begun(1);
		const second = await muster.submit({ type: "held", concurrency });
		assert.match((await muster.wait(first)).error?.message ?? "", new RegExp(`superseded by ${second}`));
		await skill.begun(2);
		skill.letGo(2);
		assert.equal((await muster.wait(second)).state, "completed");
	});
});

describe("a wake-up", () => {
	it("is pending at most once for a key, however often it is asked for", async (t) => {
		const skill = held();
		const muster = await startTest(t, { skills: [skill.skill] });
		const spec = { type: "held", coalesce: "inbox" };
		const running = await muster.submit(spec);
		await skill.begun(1);
		const ids = await Promise.all(Array.from({ length: 1_000 }, () => muster.submit(spec)));
		assert.equal(new Set(ids).size, 1);
		assert.notEqual(ids[0], running);
		skill.letGo();
		await skill.begun(2);
		skill.letGo();
		await ended(muster, [running, ids[0] as string]);
		assert.equal(muster.status().taskQueue.submitted, 2);
	});
});

describe("a rate", () => {
	it("stands still for the whole key when the other side asks for it", async (t) => {
		const starts: number[] = [];
		const api = defineSkill({
			name: "api",
			description: "Is told to wait at its first call.",
			run() {
				starts.push(performance.now());
				if (starts.length === 1) throw new RetryableError("slow down", { afterMs: 300 });
				return null;
			},
		});
		const muster = await startTest(t, { skills: [api] });
		const spec = { type: "api", rate: { key: "api", limit: 100, per: "1s" } };
		const ids = await muster.submitMany([spec, spec, spec]);
		await ended(muster, ids);
		assert.ok((starts[1] as number) - (starts[0] as number) >= 250, String(starts));
	});
});

describe("progress that stands still", () => {
	it("is warned of, offered again twice and then fails the task; a slow honest worker is left alone", async (t) => {
		let attempts = 0;
		const stuck = defineSkill({
			name: "stuck",
			description: "Calls, but gets nowhere.",
			async run(_, { signal, log }) {
				attempts++;
				while (!signal.aborted) {
					log.debug("still here");
					await new Promise<void>((resolve) => setImmediate(resolve));
				}
				signal.throwIfAborted();
			},
		});
		const honest = defineSkill({
			name: "honest",
			description: "Slow, and tells of its progress.",
			async run(_, { progress }) {
				for (let i = 1; i <= 20; i++) {
					await new Promise<void>((resolve) => setTimeout(resolve, 10));
					progress(i / 20);
				}
				return "done";
			},
		});
		const muster = await startTest(t, { skills: [stuck, honest] });
		const [bad, good] = await muster.submitMany([
			{ type: "stuck", stallTimeout: 60 },
			{ type: "honest", stallTimeout: 100 },
		]);
		const over = await muster.wait(bad as string);
		assert.deepEqual([over.state, over.error?.code, attempts], ["failed", "E_STALLED", 3]);
		const done = await muster.wait(good as string);
		assert.deepEqual([done.state, done.attempts], ["completed", 1]);
	});
});

describe("dead letters", () => {
	const broken = { is: true };
	const work = defineSkill<{ n: number }, number>({
		name: "work",
		description: "Fails while it is broken.",
		run({ n }) {
			if (broken.is && n < 1_000) throw new TerminalError(`no ${n}`);
			return n;
		},
	});

	it("are each submitted again once, also by two at the same time and after a restart", async (t) => {
		broken.is = true;
		const dataDir = temporaryFolder(t);
		const first = await startTest(t, { dataDir, skills: [work] });
		const ids = await first.submitMany(Array.from({ length: 1_000 }, (_, n) => ({ type: "work", input: { n } })));
		await ended(first, ids);
		broken.is = false;
		await Promise.all([first.retryDead({ limit: 600 }), first.retryDead({ limit: 600 })]);
		await first.shutdown();
		const second = await startTest(t, { dataDir, skills: [work] });
		await second.retryDead({ type: "work", code: "E_SKILL_FAILED" });
		assert.deepEqual(second.deadLetters(), []);
		for (const id of ids) assert.equal((await second.wait(`${id}.r`)).state, "completed");
		assert.equal(second.status().taskQueue.submitted, 2_000);
		assert.equal(second.task(ids[0] as string).state, "failed");
	});

	it("can be submitted again with another input, or put away", async (t) => {
		broken.is = true;
		const muster = await startTest(t, { skills: [work] });
		const [one, two] = await muster.submitMany([1, 2].map((n) => ({ type: "work", input: { n } })));
		await ended(muster, [one as string, two as string]);
		const again = await muster.retry(one as string, { input: { n: 5_000 } });
		assert.equal((await muster.wait(again)).output, 5_000);
		assert.equal(await muster.retry(one as string), again);
		assert.equal(await muster.dropDead(), 1);
		assert.deepEqual(muster.deadLetters(), []);
		await assert.rejects(muster.retry(again), code("E_CONFLICT"));
	});
});
