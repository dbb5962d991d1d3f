/** What a task brings is checked against its skill's schema before it is taken. */
import { MusterError } from "../errors.ts";
import { explain } from "../schema.ts";
import type { AnySkill } from "../skill/skill.ts";
import type { NewTask } from "../task/task.ts";

/** @param skill undefined for a type that only agents of the caller's own know @throws E_INPUT_INVALID */
export function checkSkillInput(skill: AnySkill | undefined, task: Pick<NewTask, "type" | "input">, where = ""): void {
	const input = task.input ?? {};
	const parsed = skill?.input?.safeParse(input);
	if (parsed === undefined || parsed.success) return;
	throw new MusterError(
		"E_INPUT_INVALID",
		`${where}the input of ${task.type} is not right: ${explain(parsed.error, skill?.input, input)}`,
	);
}
