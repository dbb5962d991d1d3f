/**
 * The process that is killed: an orchestrator on the data folder it is told, through the public API alone. Its skills
 * write to the witness before and after everything they do.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import {
	type AnySkill,
	defineSkill,
	MusterError,
	type Orchestrator,
	type SkillContext,
	startOrchestrator,
	type TaskSpec,
	type WorkflowDefinition,
} from "../../src/index.ts";
import { type Answer, type Command, clockNs, type FinalTask, type SeenEvent, type WitnessLine } from "./messages.ts";

const witness = process.env.WITNESS as string;
const say = (answer: Answer): void => void process.send?.(answer);

function testify(line: Omit<WitnessLine, "t" | "pid">): void {
	const file = openSync(witness, "a");
	writeSync(file, `${JSON.stringify({ ...line, t: clockNs(), pid: process.pid })}\n`);
	fsyncSync(file);
	closeSync(file);
}

interface Input {
	n: number;
	value?: number;
	waitMs?: number;
	children?: number;
}

function skill(name: string, work: (input: Input, context: SkillContext) => Promise<unknown>): AnySkill {
	return defineSkill<Input, unknown>({
		name,
		description: `${name}, with a witness`,
		async run(input, context) {
			const about = { id: context.task.id, type: name, n: input.n, attempt: context.task.attempt };
			testify({ what: "begin", ...about });
			const output = await work(input, context);
			testify({ what: "end", ...about });
			return output;
		},
	});
}

const value = (input: Input): { value: number } => ({ value: (input.value ?? 0) * 2 });

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
	new Promise((resolve, reject) => {
		const timer = setTimeout(resolve, ms);
		const stop = (): void => {
			clearTimeout(timer);
			reject(signal.reason);
		};
		signal.addEventListener("abort", stop, { once: true });
	});

const done = (key: string): boolean =>
	readFileSync(witness, "utf8")
		.split("\n")
		.some((line) => line.includes('"what":"effect"') && line.includes(`"key":${JSON.stringify(key)}`));

function effect(context: SkillContext, input: Input, name: string, options: { verify: boolean }): Promise<string> {
	const { id, type, attempt } = context.task;
	return context.effect<string>({
		key: name,
		describe: `one line in the witness, ${name}`,
		async run(key) {
			await pause(Math.random() * 4, context.signal);
			testify({ what: "effect", id, type, n: input.n, attempt, key });
			await pause(Math.random() * 4, context.signal);
			return key;
		},
		...(options.verify && { verify: async (key: string) => (done(key) ? key : undefined) }),
	});
}

const skills: AnySkill[] = [
	skill("echo", async (input) => value(input)),
	skill("slow", async (input, { signal }) => {
		await pause(input.waitMs ?? 10, signal);
		return value(input);
	}),
	skill("flaky", async (input, { task }) => {
		if (task.attempt === 1) throw new Error("the first attempt fails");
		return value(input);
	}),
	skill("hopeless", async () => {
		throw new MusterError("E_SKILL_FAILED", "it never works", { retryable: false });
	}),
	skill("sum", async (input, { previous }) => {
		const values = previous.map((output) => (output as { value: number } | null)?.value);
		if (values.some((each) => each === undefined)) throw new Error("an output of a dependency is not there");
		return { value: (input.value ?? 0) * 2, previous: values };
	}),
	skill("deadly", async (input, { signal }) => {
		await pause(input.waitMs ?? 0, signal);
		process.kill(process.pid, "SIGKILL");
	}),
	skill("deadly-at-once", () => {
		process.kill(process.pid, "SIGKILL");
		return Promise.resolve();
	}),
	skill("checked", async (input, context) => {
		await effect(context, input, "one", { verify: true });
		await effect(context, input, "two", { verify: true });
		return value(input);
	}),
	skill("blind", async (input, context) => {
		await effect(context, input, "one", { verify: false });
		return value(input);
	}),
];

/** A workflow of three steps, the middle one fanned out. */
const chain: WorkflowDefinition = {
	name: "chain",
	inputs: { n: { type: "integer" } as never },
	steps: [
		{ id: "first", skill: "slow", needs: [], with: { n: "${{ inputs.n }}", value: 1, waitMs: 5 } },
		{
			id: "middle",
			skill: "echo",
			needs: ["first"],
			forEach: { in: [1, 2, 3, 4], as: "item" },
			with: { n: "${{ inputs.n }}", value: "${{ item }}" },
		},
		{ id: "last", skill: "checked", needs: ["middle"], with: { n: "${{ inputs.n }}", value: 5 } },
	],
	outputs: { last: "${{ steps.last.output.value }}", middle: "${{ steps.middle.output }}" },
};

let orchestrator: Orchestrator;

async function open(options: Record<string, unknown>, after: number): Promise<void> {
	const began = performance.now();
	orchestrator = await startOrchestrator({
		workers: 8,
		coordinators: 2,
		skills,
		definitions: [chain],
		...options,
	});
	say({ kind: "open", ms: performance.now() - began });
	void follow(after);
}

/** Everything durable that the driver has not heard of. */
async function follow(after: number): Promise<void> {
	for await (const event of orchestrator.events({ after })) {
		const { seq, ...rest } = event;
		const id = "id" in event ? event.id : "task" in event ? event.task.id : undefined;
		say({ kind: "events", events: [{ seq, type: event.type, ...(id && { id }), text: JSON.stringify(rest) }] });
	}
}

async function answer(n: number, call: () => Promise<string[]>): Promise<void> {
	try {
		say({ kind: "ack", n, ids: await call() });
	} catch (error) {
		const { code, message } = error as MusterError;
		say({ kind: "refused", n, code: String(code), message });
	}
}

/** Waits until nothing is live, then says everything there is to know. */
async function drain(): Promise<void> {
	for (;;) {
		const { pending, running } = orchestrator.status().taskQueue;
		const { runs } = orchestrator.status();
		if (pending + running + runs.running === 0) break;
		const live = orchestrator.tasks({
			limit: 1_000,
			state: ["blocked", "scheduled", "ready", "running", "waiting"],
		}).items;
		await Promise.race([
			...live.map((task) => orchestrator.wait(task.id)),
			...orchestrator
				.runs()
				.items.filter((run) => run.state === "running")
				.map((run) => orchestrator.waitRun(run.id)),
			new Promise((resolve) => setTimeout(resolve, 50)),
		]);
	}
	const events: SeenEvent[] = [];
	const tasks = new Set<string>();
	const runs = new Set<string>();
	const stop = new AbortController();
	const { lastEvent } = orchestrator.status().components.journal;
	for await (const event of orchestrator.events({ after: 0, signal: stop.signal })) {
		if (event.type === "task.submitted") tasks.add(event.task.id);
		if (event.type === "run.created") runs.add(event.id);
		const { seq, ...rest } = event;
		const id = "id" in event ? event.id : "task" in event ? event.task.id : undefined;
		events.push({ seq, type: event.type, ...(id && { id }), text: JSON.stringify(rest) });
		if (seq >= lastEvent) break;
	}
	say({ kind: "events", events });
	const final = [...tasks].map((id): FinalTask => {
		const task = orchestrator.task(id);
		const { type, state, input, output, error, attempts, parent, run, dependsOn } = task;
		return {
			...{ id, type, state, input, attempts },
			...(output !== undefined && { output }),
			...(error && { error: { code: error.code, message: error.message } }),
			...(parent && { parent }),
			...(run && { run: run.id }),
			...(dependsOn && { dependsOn }),
		};
	});
	const finalRuns = [...runs].map((id) => {
		const { state, outputs, error } = orchestrator.run(id);
		return {
			id,
			state,
			...(outputs && { outputs }),
			...(error && { error: { code: error.code, message: error.message } }),
		};
	});
	const { submitted, pending, running, completed, failed, cancelled, skipped } = orchestrator.status().taskQueue;
	const counts = { submitted, pending, running, completed, failed, cancelled, skipped };
	say({ kind: "drained", tasks: final, runs: finalRuns, counts });
}

process.on("message", (command: Command) => {
	const act = async (): Promise<void> => {
		switch (command.op) {
			case "open":
				return open(command.options, command.after);
			case "submit":
				return answer(command.n, () => orchestrator.submitMany(command.specs as TaskSpec[]));
			case "run":
				return answer(command.n, async () => [await orchestrator.startRun(command.workflow, command.inputs)]);
			case "cancel":
				return answer(command.n, async () => {
					await orchestrator.cancel(command.id);
					return [command.id];
				});
			case "drain":
				return drain();
			case "stop":
				await orchestrator.shutdown();
				process.disconnect();
		}
	};
	act().catch((error: unknown) => say({ kind: "failed", message: String((error as Error).stack ?? error) }));
});
process.on("disconnect", () => process.exit(0));
say({ kind: "loaded" });
