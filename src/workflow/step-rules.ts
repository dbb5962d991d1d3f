/** What a step may have, as far as it can be told from the step alone: its kind, the members that go with it, its numbers. */
import { MAX_ITEMS, MAX_ROUNDS, type StepDefinition, type StepKind, type WaitDefinition } from "./definition.ts";
import { checkName, skillName, topic, workflowName } from "./names.ts";
import type { Path, Problems } from "./problems.ts";
import { MAX_LIMIT } from "./schema-values.ts";

const kinds = ["skill", "workflow", "wait", "loop", "steps"] as const satisfies StepKind[];

type Member = Exclude<keyof StepDefinition, "id" | "needs" | "if" | StepKind>;

/** Members that only some kinds have, as the file calls them, and what to do instead. */
const ofKinds: Record<
	Member,
	{ key: string; kinds: readonly StepKind[]; instead?: Partial<Record<StepKind, string>> }
> = {
	forEach: {
		key: "forEach",
		kinds: ["skill", "workflow", "steps"],
		instead: { wait: "Put it into a step with forEach and steps.", loop: "Put it into a step with forEach and steps." },
	},
	with: { key: "with", kinds: ["skill", "workflow"] },
	output: { key: "output", kinds: ["loop", "steps"] },
	compensate: {
		key: "compensate",
		kinds: ["skill", "workflow"],
		instead: { loop: "Put it on the steps inside.", steps: "Put it on the steps inside." },
	},
	priority: { key: "priority", kinds: ["skill"] },
	capabilities: { key: "capabilities", kinds: ["skill"] },
	idleTimeoutMs: { key: "idleTimeout", kinds: ["skill"] },
	stallTimeoutMs: { key: "stallTimeout", kinds: ["skill"] },
	retry: {
		key: "retry",
		kinds: ["skill"],
		instead: {
			workflow: "Put it on the steps of that workflow.",
			loop: "Put it on the steps inside.",
			steps: "Put it on the steps inside.",
		},
	},
	concurrency: { key: "concurrency", kinds: ["skill"] },
	rate: { key: "rate", kinds: ["skill"] },
	timeoutMs: {
		key: "timeout",
		kinds: ["skill", "workflow", "loop", "steps"],
		instead: { wait: "Put it inside of wait." },
	},
};

export function checkStep(problems: Problems, path: Path, step: StepDefinition): void {
	const found = kinds.filter((kind) => step[kind] !== undefined);
	if (found.length !== 1) {
		const have = found.length === 0 ? "says nothing of what it does" : `has ${found.join(" and ")}`;
		problems.add(path, `step "${step.id}" ${have}: it needs exactly one of ${kinds.join(", ")}`);
	} else checkMembers(problems, path, step, found[0] as StepKind);
	if (step.skill !== undefined) checkName(problems, [...path, "skill"], step.skill, skillName);
	if (step.workflow !== undefined) checkName(problems, [...path, "workflow"], step.workflow, workflowName);
	if (step.wait !== undefined) checkWait(problems, [...path, "wait"], step.wait);
	if (step.compensate !== undefined)
		checkName(problems, [...path, "compensate", "skill"], step.compensate.skill, skillName);
	for (const [index, capability] of (step.capabilities ?? []).entries()) {
		checkName(problems, [...path, "capabilities", index], capability, topic);
	}
	checkNumbers(problems, path, step);
}

function checkMembers(problems: Problems, path: Path, step: StepDefinition, kind: StepKind): void {
	for (const [member, { key, kinds: allowed, instead }] of Object.entries(ofKinds)) {
		if (step[member as Member] === undefined || allowed.includes(kind)) continue;
		const hint = () => instead?.[kind] ?? `It is for steps with ${allowed.join(" or ")}.`;
		problems.add([...path, key], `"${key}" means nothing on a step with ${kind}`, hint, { atKey: true });
	}
}

const waitKinds = ["signal", "approval", "durationMs", "event"] as const;

function checkWait(problems: Problems, path: Path, wait: WaitDefinition): void {
	const found = waitKinds.filter((kind) => wait[kind] !== undefined).map((kind) => kind.replace("Ms", ""));
	if (found.length !== 1) {
		const have = found.length === 0 ? "says nothing of what it waits for" : `has ${found.join(" and ")}`;
		problems.add(path, `wait ${have}: it needs exactly one of signal, approval, duration, event`);
	}
	if (wait.signal !== undefined) checkName(problems, [...path, "signal"], wait.signal, topic);
	if (wait.event !== undefined) checkName(problems, [...path, "event", "type"], wait.event.type, topic);
	if (wait.durationMs !== undefined && wait.timeoutMs !== undefined) {
		problems.add([...path, "timeout"], "a duration has no timeout: it is one", undefined, { atKey: true });
	} else if (wait.onTimeout !== undefined && wait.timeoutMs === undefined) {
		problems.add([...path, "onTimeout"], "onTimeout has no effect without timeout", () => "Add timeout.", {
			atKey: true,
		});
	}
}

/** For definitions that come from no file; of a file `schema.ts` has said it. */
function checkNumbers(problems: Problems, path: Path, step: StepDefinition): void {
	const whole = (rest: Path, value: number | undefined, most: number): void => {
		if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) return;
		problems.add([...path, ...rest], `must be a whole number from 1 to ${most}, not ${String(value)}`);
	};
	const { forEach, loop, concurrency, rate, retry, compensate } = step;
	whole(["forEach", "parallel"], forEach?.parallel, MAX_ITEMS);
	if (typeof forEach?.onFailure === "object")
		whole(["forEach", "onFailure", "quorum"], forEach.onFailure.quorum, MAX_ITEMS);
	whole(["loop", "max"], loop?.max, MAX_ROUNDS);
	whole(["concurrency", "limit"], concurrency?.limit, MAX_LIMIT);
	whole(["rate", "limit"], rate?.limit, 1_000_000);
	whole(["retry", "max"], retry?.maxAttempts, 100);
	whole(["compensate", "retry", "max"], compensate?.retry?.maxAttempts, 100);
	const times = { timeout: step.timeoutMs, idleTimeout: step.idleTimeoutMs, stallTimeout: step.stallTimeoutMs };
	for (const [key, ms] of Object.entries(times)) whole([key], ms, Number.MAX_SAFE_INTEGER);
	whole(["rate", "per"], rate?.perMs, Number.MAX_SAFE_INTEGER);
	if (loop?.onMax !== undefined && loop.until === undefined) {
		problems.add([...path, "loop", "onMax"], "onMax has no effect without until", () => "Add until.", { atKey: true });
	}
}
