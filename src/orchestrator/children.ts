/** What a coordinating task delegates becomes tasks of its own: checked like a submit, and never waiting for what waits for it. */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { AnySkill } from "../skill/skill.ts";
import { inOrder, resolveBatch } from "../task/batch.ts";
import { checkInputSize, type TaskSpec, toTask } from "../task/spec.ts";
import type { NewTask, Task } from "../task/task.ts";
import type { Admission } from "./admission.ts";
import type { PendingTask } from "./pending-submits.ts";
import { checkSkillInput } from "./skill-input.ts";

/** Most children of one delegation, and how deep delegations may nest. */
const MAX_CHILDREN = 10_000;
const MAX_CHILDREN_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 16;

export interface ChildrenParts {
	ledger: Ledger;
	clock: Clock;
	skill(type: string): AnySkill | undefined;
	admission: Admission;
}

/** The children of a coordinating task, with ids that follow from its own. @throws what submit() would */
export function childrenOf(
	{ ledger, clock, admission, skill }: ChildrenParts,
	parent: Task,
	specs: readonly TaskSpec[],
): NewTask[] {
	let depth = 1;
	for (let up = parent.parent; up !== undefined; up = ledger.task(up)?.parent) depth++;
	if (depth > MAX_DEPTH) {
		throw new MusterError("E_INPUT_INVALID", `delegations may nest ${MAX_DEPTH} deep`);
	}
	const before = parent.children?.length ?? 0;
	if (before + specs.length > MAX_CHILDREN) {
		throw new MusterError(
			"E_INPUT_TOO_LARGE",
			`a task may have ${MAX_CHILDREN} children, not ${before + specs.length}`,
		);
	}
	admission.checkRoom(specs.length);
	const at = clock.now();
	let bytes = 0;
	const ids = specs.map((_, i) => `${parent.id}.${before + i}`);
	const own = new Set(ids);
	/** Only while their brothers are checked: they begin together. */
	const pending: PendingTask[] = [];
	const toChild = (spec: TaskSpec, i: number): NewTask => {
		const where = `child ${i}: `;
		const task = toTask({ priority: parent.priority, ...spec }, ids[i] as string, at, where);
		if (task.idempotencyKey !== undefined || task.coalesceKey !== undefined) {
			const key = task.coalesceKey === undefined ? "idempotencyKey" : "coalesce key";
			throw new MusterError("E_INPUT_INVALID", `${where}a child has no ${key}: it is its parent's alone`);
		}
		checkKey(ledger, parent, task, where);
		checkSkillInput(skill(task.type), task, where);
		bytes += checkInputSize(task.input, where);
		if (bytes > MAX_CHILDREN_BYTES) {
			throw new MusterError(
				"E_INPUT_TOO_LARGE",
				`the inputs of all children have more than ${MAX_CHILDREN_BYTES} bytes`,
				{
					hint: "Put large data into artifacts and pass their references.",
				},
			);
		}
		const dependsOn = task.dependsOn && resolveBatch(task.dependsOn, ids, where);
		for (const id of dependsOn ?? []) {
			if (own.has(id)) continue;
			admission.checkDependency(id, task);
			checkKnot(ledger, parent, id);
		}
		admission.checkLimit(task, where);
		admission.track(task, pending);
		return { ...task, parent: parent.id, ...(dependsOn && { dependsOn }) };
	};
	try {
		return inOrder(specs.map(toChild));
	} finally {
		admission.pending.delete(pending);
	}
}

/** The parent and all above it. */
function* fromParent(ledger: Ledger, parent: Task): Generator<Task> {
	for (let up: Task | undefined = parent; up !== undefined; up = up.parent ? ledger.task(up.parent) : undefined)
		yield up;
}

/**
 * A child must not cancel what waits for it. With another policy the key may be the same: a task that waits for its children
 * holds no place.
 * @throws E_INPUT_INVALID
 */
function checkKey(ledger: Ledger, parent: Task, { concurrency }: NewTask, where: string): void {
	if (concurrency?.policy !== "cancel-previous") return;
	const { key } = concurrency;
	const holder = fromParent(ledger, parent).find((task) => task.concurrency?.key === key);
	if (holder === undefined) return;
	throw new MusterError(
		"E_INPUT_INVALID",
		`${where}it would cancel ${holder.id}, which waits for it and has the key ${key} too`,
		{
			hint: "Give the child a concurrency key of its own, or let its policy be queue.",
			details: { key, holders: [holder.id] },
		},
	);
}

/** A child must not wait for its parent, or for what waits for it. @throws E_DEPENDENCY_CYCLE */
function checkKnot(ledger: Ledger, parent: Task, dependency: string): void {
	const above = new Set(fromParent(ledger, parent).map(({ id }) => id));
	const open = [dependency];
	const seen = new Set(open);
	for (let id = open.pop(); id !== undefined; id = open.pop()) {
		if (above.has(id)) {
			throw new MusterError(
				"E_DEPENDENCY_CYCLE",
				`a child of ${parent.id} depends on ${dependency}, which waits for ${id}`,
			);
		}
		const task = ledger.state.tasks.get(id);
		for (const next of [...(task?.dependsOn ?? []), ...(task?.children ?? [])]) {
			if (!seen.has(next)) open.push(next);
			seen.add(next);
		}
	}
}
