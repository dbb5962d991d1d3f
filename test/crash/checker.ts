/**
 * Judges what driver and witness wrote down. It shares no code with the product and believes neither alone.
 * The letters are those of the invariants in the names of the problems:
 *
 * - `lost`: something acknowledged is not there at the end (I1), or the order of events changed.
 * - `phantom`: something exists that nobody asked for (I2).
 * - `twice`: two ends, two results, or work done again after its end was known (I3).
 * - `fence`: an execution that the journal says was over went on and was taken (I5).
 * - `effect`: done twice, or never although the task completed (I6).
 * - `early`: a task began before what it depends on was there (I7).
 * - `count`: figures that do not add up (I10).
 * - `open`: something never ended (L1).
 */
import type { FinalRun, FinalTask, LogEntry, SeenEvent, Spec, WitnessLine } from "./messages.ts";

export type Problem = `${"lost" | "phantom" | "twice" | "effect" | "early" | "count" | "open" | "wrong"}: ${string}`;

const ENDS = ["task.completed", "task.failed", "task.cancelled", "task.skipped"];
const OVER = ["completed", "failed", "cancelled", "skipped"];
/** Allowed to end otherwise than completed, and with what. */
const FAILS: Record<string, string[]> = { hopeless: ["E_SKILL_FAILED"], blind: ["E_EFFECT_AMBIGUOUS"] };

/** A task whose process died this often while it ran is given up. */
const CRASHES = 3;

type Final = Extract<LogEntry, { what: "final" }>;

interface Case {
	log: readonly LogEntry[];
	witness: readonly WitnessLine[];
	final: Final;
	tasks: Map<string, FinalTask>;
	runs: Map<string, FinalRun>;
	/** The last word on each event, by number. */
	events: Map<number, SeenEvent>;
}

export function check(log: readonly LogEntry[], witness: readonly WitnessLine[]): Problem[] {
	const final = log.findLast((entry) => entry.what === "final") as Final | undefined;
	if (final === undefined) return ["open: it never drained"];
	const given: Case = {
		log,
		witness,
		final,
		tasks: new Map(final.tasks.map((task) => [task.id, task])),
		runs: new Map(final.runs.map((run) => [run.id, run])),
		events: new Map(),
	};
	return [
		...checkEvents(log, given.events),
		...checkAcknowledged(given),
		...checkEnds(given),
		...checkWork(given),
		...checkEffects(given),
		...checkOrder(given),
		...checkCounts(given),
	];
}

/** What was seen once is seen again, the same and at the same place; no gap, no second end. Fills `events`. */
export function checkEvents(log: readonly LogEntry[], events = new Map<number, SeenEvent>()): Problem[] {
	const problems: Problem[] = [];
	const ends = new Map<string, number>();
	for (const entry of log) {
		if (entry.what !== "event") continue;
		const { event } = entry;
		const before = events.get(event.seq);
		if (before !== undefined && before.text !== event.text) {
			problems.push(`lost: event ${event.seq} was ${before.text} and is ${event.text}`);
		}
		events.set(event.seq, event);
	}
	for (let seq = 1; seq <= events.size; seq++) if (!events.has(seq)) problems.push(`lost: event ${seq}`);
	for (const [seq, { type, id }] of [...events].sort(([a], [b]) => a - b)) {
		if (id === undefined) continue;
		const over = ends.get(id);
		if (over !== undefined && type.startsWith("task.")) problems.push(`twice: ${type} of ${id} after its end`);
		if (ENDS.includes(type)) ends.set(id, seq);
	}
	return problems;
}

function checkAcknowledged({ log, tasks, runs, events }: Case): Problem[] {
	const problems: Problem[] = [];
	const specs = new Map<number, Spec[]>();
	const keys = new Map<string, string>();
	const refused = new Set<number>();
	for (const entry of log) {
		if (entry.what === "submit") specs.set(entry.n, entry.specs);
		if (entry.what === "refused") refused.add(entry.n);
		if (entry.what === "cancel") specs.set(entry.n, []);
		if (entry.what !== "ack") continue;
		for (const [i, id] of entry.ids.entries()) {
			if (!tasks.has(id) && !runs.has(id)) problems.push(`lost: ${id} was acknowledged`);
			const key = specs.get(entry.n)?.[i]?.idempotencyKey;
			if (key === undefined) continue;
			const first = keys.get(key) ?? id;
			if (first !== id) problems.push(`twice: the key ${key} stands for ${first} and ${id}`);
			keys.set(key, first);
		}
	}
	const asked = new Set(log.flatMap((entry) => (entry.what === "submit" || entry.what === "run" ? [entry.n] : [])));
	for (const { id, input } of tasks.values()) {
		const n = numberOf(input);
		if (n !== undefined && !asked.has(n)) problems.push(`phantom: ${id} of call ${n}`);
		if (n !== undefined && refused.has(n)) problems.push(`phantom: ${id} of call ${n}, which was refused`);
	}
	const known = new Set([...events.values()].map((event) => event.id));
	for (const id of tasks.keys()) if (!known.has(id)) problems.push(`phantom: ${id} is in no event`);
	return problems;
}

function numberOf(input: unknown): number | undefined {
	const given = input as { n?: number; tasks?: { input?: { n?: number } }[] } | null;
	return given?.n ?? given?.tasks?.[0]?.input?.n;
}

/** Every task and run is over, with the result that its input asks for. */
function checkEnds({ tasks, runs, log, events }: Case): Problem[] {
	const problems: Problem[] = [];
	const died = new Map<string, number>();
	for (const { id = "", type, text } of events.values()) {
		if (type === "task.reoffered" && text.includes('"crash":true')) died.set(id, (died.get(id) ?? 0) + 1);
	}
	const killedWhileItRan = (id: string): boolean => died.get(id) === CRASHES - 1;
	const cancelled = new Set(log.flatMap((entry) => (entry.what === "cancel" ? [entry.id] : [])));
	for (const task of tasks.values()) {
		const { id, type, state, error } = task;
		if (!OVER.includes(state)) problems.push(`open: ${id} is ${state}`);
		if (state === "completed") {
			const wanted = (task.input as { value?: number } | null)?.value;
			const got = (task.output as { value?: number } | null)?.value;
			if (type !== "coordinate" && got !== (wanted ?? 0) * 2) problems.push(`wrong: ${id} made ${got} of ${wanted}`);
		} else if (state === "failed" && error?.code === "E_CRASH_LOOP" && killedWhileItRan(id)) {
		} else if (state === "failed" && type === "coordinate" && error?.code === "E_DEPENDENCY_FAILED") {
			if (![...tasks.values()].some((child) => child.parent === id && child.state !== "completed"))
				problems.push(`wrong: ${id} failed, but all its children completed`);
		} else if (state === "failed" && !FAILS[type]?.includes(error?.code ?? "")) {
			problems.push(`wrong: ${id} (${type}) failed with ${error?.code}: ${error?.message}`);
		} else if (state === "cancelled" && !mayBeCancelled(task, tasks, cancelled)) {
			problems.push(`wrong: nobody cancelled ${id}`);
		} else if (state === "skipped" && !(task.dependsOn ?? []).some((on) => tasks.get(on)?.state !== "completed")) {
			problems.push(`wrong: ${id} was skipped, but all it depends on completed`);
		}
		const end = [...events.values()].find((event) => event.id === id && ENDS.includes(event.type));
		if (end !== undefined && end.type !== `task.${state}`)
			problems.push(`wrong: ${id} is ${state}, its event ${end.type}`);
	}
	for (const { id, state, error } of runs.values()) {
		if (!OVER.includes(state)) problems.push(`open: ${id} is ${state}`);
		const gone = [...tasks.values()].some((task) => task.run === id && task.state !== "completed");
		if (state === "failed" && !gone) problems.push(`wrong: the run ${id} failed: ${error?.message}`);
		if (state === "cancelled" && !cancelled.has(id)) problems.push(`wrong: nobody cancelled the run ${id}`);
	}
	return problems;
}

function mayBeCancelled(task: FinalTask, tasks: Map<string, FinalTask>, cancelled: Set<string>): boolean {
	if (cancelled.has(task.id) || (task.run !== undefined && cancelled.has(task.run))) return true;
	const above = [task.parent, ...(task.dependsOn ?? [])].map((id) => (id === undefined ? undefined : tasks.get(id)));
	return above.some((other) => other !== undefined && other.state !== "completed");
}

/** Work that was known to be over is not done again; work nobody asked for is not done at all. */
function checkWork({ log, witness, tasks }: Case): Problem[] {
	const problems: Problem[] = [];
	const overAt = new Map<string, number>();
	for (const entry of log) {
		if (entry.what !== "event" || entry.event.id === undefined || !ENDS.includes(entry.event.type)) continue;
		overAt.set(entry.event.id, Math.min(overAt.get(entry.event.id) ?? Number.POSITIVE_INFINITY, entry.t));
	}
	for (const line of witness) {
		const over = overAt.get(line.id);
		if (line.what === "begin" && over !== undefined && line.t > over) {
			problems.push(`twice: ${line.id} began again after its end was known`);
		}
		if (!tasks.has(line.id)) problems.push(`phantom: ${line.id} was executed`);
	}
	for (const { id, state, type } of tasks.values()) {
		if (state !== "completed" || type === "coordinate") continue;
		if (!witness.some((line) => line.id === id && line.what === "end")) problems.push(`wrong: ${id} completed unseen`);
	}
	return problems;
}

function checkEffects({ witness, tasks }: Case): Problem[] {
	const problems: Problem[] = [];
	const times = new Map<string, number>();
	for (const line of witness) {
		if (line.what === "effect") times.set(line.key as string, (times.get(line.key as string) ?? 0) + 1);
	}
	for (const [key, count] of times) if (count > 1) problems.push(`effect: ${key} was done ${count} times`);
	const keys: Record<string, string[]> = { checked: ["one", "two"], blind: ["one"] };
	for (const { id, type, state } of tasks.values()) {
		if (state !== "completed") continue;
		for (const key of keys[type] ?? []) {
			if (!times.has(`${id}/${key}`)) problems.push(`effect: ${id} completed without its effect ${key}`);
		}
	}
	return problems;
}

/** A dependent begins only after what it depends on has come to its end. */
function checkOrder({ witness, tasks }: Case): Problem[] {
	const problems: Problem[] = [];
	const ended = new Map<string, number>();
	for (const line of witness) {
		if (line.what === "end" && !ended.has(line.id)) ended.set(line.id, line.t);
	}
	for (const line of witness) {
		if (line.what !== "begin") continue;
		for (const on of tasks.get(line.id)?.dependsOn ?? []) {
			const at = ended.get(on);
			if (at === undefined || at > line.t) problems.push(`early: ${line.id} began before ${on} was done`);
		}
	}
	return problems;
}

function checkCounts({ final, tasks }: Case): Problem[] {
	const problems: Problem[] = [];
	const { submitted, pending, running } = final.counts;
	if (pending + running > 0) problems.push(`count: ${pending} pending and ${running} running at the end`);
	if (submitted !== tasks.size) problems.push(`count: ${submitted} submitted, ${tasks.size} there`);
	for (const state of ["completed", "failed", "cancelled", "skipped"] as const) {
		const there = [...tasks.values()].filter((task) => task.state === state).length;
		if (there !== final.counts[state]) problems.push(`count: ${final.counts[state]} ${state}, ${there} there`);
	}
	return problems;
}
