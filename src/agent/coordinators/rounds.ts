/**
 * A coordinator that works in rounds, written as if it never stopped: it yields the tasks of a round and goes on with what
 * they came to. In truth it is begun anew at every look and is given the results that are there, round by round; at the
 * first round without results it delegates. So it holds nothing between two looks, and a new process goes on where it was.
 *
 * What it does may depend on nothing but its task's input and the results: the same results must give the same rounds.
 *
 * What goes into a task or comes out of one is a `type` in this folder, never an interface: only a type passes as Json.
 */
import { MusterError } from "../../errors.ts";
import { type Assignment, Delegation } from "../../scheduler/performer.ts";
import type { ChildResult, SkillContext } from "../../skill/skill.ts";
import type { TaskSpec } from "../../task/spec.ts";
import type { AgentOptions } from "../base-agent.ts";
import { CoordinatorAgent } from "../coordinator-agent.ts";

export interface CoordinatorOptions extends AgentOptions {
	/** The task types it does. */
	capabilities: readonly string[];
}

/** Yields the tasks of a round, gets what they came to in the same order, and returns the output. */
export type Rounds<Output = unknown> = AsyncGenerator<readonly TaskSpec[], Output, readonly ChildResult[]>;

export abstract class RoundsCoordinator extends CoordinatorAgent {
	/** The work from its beginning; see the head of this file. It should have no effects: it is begun at every look. */
	protected abstract rounds(assignment: Assignment, context: SkillContext): Rounds;

	/** Nothing: the first round is asked for like all others. */
	override split(): readonly TaskSpec[] {
		return [];
	}

	override async gather(
		children: readonly ChildResult[],
		assignment: Assignment,
		context: SkillContext,
	): Promise<unknown> {
		const rounds = this.rounds(assignment, context);
		let used = 0;
		let step = await rounds.next();
		while (!step.done) {
			const tasks = step.value;
			// An empty round is refused by whoever takes the delegation; here it would be asked for without an end.
			if (used === children.length || tasks.length === 0) return new Delegation(tasks);
			const results = children.slice(used, used + tasks.length);
			requireSame(tasks, results, assignment);
			used += results.length;
			step = await rounds.next(results);
		}
		if (used < children.length) throw misfit(assignment, `it ends before ${children[used]?.id}`);
		return step.value;
	}
}

/** A round of one task. Use it as `yield* oneTask(task)`. */
export async function* oneTask(task: TaskSpec): Rounds<ChildResult> {
	const [child] = yield [task];
	return child as ChildResult;
}

function requireSame(tasks: readonly TaskSpec[], results: readonly ChildResult[], assignment: Assignment): void {
	if (results.length < tasks.length) {
		throw misfit(assignment, `it delegates ${tasks.length} tasks where there were ${results.length}`);
	}
	const i = results.findIndex(({ type }, place) => type !== tasks[place]?.type);
	if (i >= 0) throw misfit(assignment, `${results[i]?.id} is a ${results[i]?.type} task, not ${tasks[i]?.type}`);
}

function misfit({ id }: Assignment, what: string): MusterError {
	return new MusterError("E_RUN_MISFIT", `the coordinator of ${id} decides otherwise than it did before: ${what}`, {
		hint: "Its options changed while the task was under way, or its decisions depend on more than input and results.",
		details: { task: id },
	});
}
