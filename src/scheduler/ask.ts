/** A running task asks a person: its attempt ends, and the task waits without a slot until there is an answer. */
import { toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import { copyJson } from "../json.ts";
import type { Question } from "../skill/skill.ts";
import type { Answer, NewAsk, Task } from "../task/task.ts";
import { hashOfQuestion } from "../workflow/hash.ts";

const MAX_ASKS = 100;
const MAX_KEY = 128;
const MAX_TITLE = 500;

/** What an attempt comes to that has asked: it is performed again when there is an answer. */
export class Asked {
	readonly key: string;
	readonly ask: NewAsk;

	constructor(key: string, ask: NewAsk) {
		this.key = key;
		this.ask = ask;
	}
}

/**
 * The answer, when the task has asked this before and the question is still the same; else what is to be asked.
 * @throws E_INPUT_INVALID
 */
export function answerOrAsk(task: Task, question: Question, now: number): Answer | Asked {
	const { key, title, content = null, labels, timeout, onTimeout = "deny" } = question;
	if (typeof key !== "string" || key === "" || key.length > MAX_KEY) {
		throw new MusterError("E_INPUT_INVALID", `a question needs a key of 1 to ${MAX_KEY} characters`, {
			hint: "It names the question inside its task and is the same in every attempt.",
		});
	}
	if (typeof title !== "string" || title === "" || title.length > MAX_TITLE) {
		throw new MusterError("E_INPUT_INVALID", `a question needs a title of 1 to ${MAX_TITLE} characters`);
	}
	const copied = copyJson(content, "content", "E_INPUT_INVALID");
	const hash = hashOfQuestion(title, copied);
	const known = task.asks?.[key];
	if (known?.answer !== undefined && known.hash === hash) return known.answer;
	if (known === undefined && Object.keys(task.asks ?? {}).length >= MAX_ASKS) {
		throw new MusterError("E_INPUT_INVALID", `a task may ask ${MAX_ASKS} questions`, { hint: "Split the task." });
	}
	return new Asked(key, {
		...{ title, content: copied, hash, onTimeout },
		...(labels && { labels: { ...labels } }),
		...(timeout !== undefined && { until: now + toMs(timeout, "timeout") }),
	});
}
