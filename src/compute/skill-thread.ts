/** Inside a thread of the pool: finds the skill in its module and runs it with a context that talks back over a port. */

import { FileArtifacts } from "../artifacts.ts";
import { systemClock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { Json } from "../json.ts";
import type { AnySkill, SkillBus, SkillContext, SkillLog } from "../skill/skill.ts";
import type { ThreadNote, ThreadRequest, ThreadResult } from "./threads.ts";

export default async function runSkill(request: ThreadRequest): Promise<ThreadResult> {
	try {
		const exported = (await import(request.module)) as Record<string, unknown>;
		const skill = Object.values(exported).find((item) => isSkill(item, request.skill)) as AnySkill | undefined;
		if (skill === undefined) {
			throw new MusterError("E_CONFIG_INVALID", `${request.module} exports no skill named ${request.skill}`, {
				hint: "A skill with `thread: import.meta.url` must be exported by that module.",
			});
		}
		return { output: await skill.run(request.input, createContext(request)) };
	} catch (thrown) {
		return { error: toErrorData(thrown) };
	}
}

const isSkill = (item: unknown, name: string): boolean =>
	typeof item === "object" && item !== null && (item as Partial<AnySkill>).name === name && "run" in item;

function createContext({ port, task, previous, children, artifacts }: ThreadRequest): SkillContext {
	const send = (note: ThreadNote): void => port.postMessage(note);
	const log =
		(level: keyof SkillLog) =>
		(message: string, fields?: Record<string, Json>): void =>
			send({ kind: "log", level, message, ...(fields && { fields }) });
	return {
		task,
		previous,
		children,
		// Nothing to listen to: an abort terminates the thread.
		signal: new AbortController().signal,
		now: () => systemClock.now(),
		progress: (fraction, message) => send({ kind: "progress", fraction, ...(message !== undefined && { message }) }),
		log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
		effect: async () => {
			throw new MusterError("E_CONFIG_INVALID", "a skill in a thread has no effects on the outside world", {
				hint: "Leave `thread` out for a skill that uses context.effect().",
			});
		},
		ask: async () => {
			throw new MusterError("E_CONFIG_INVALID", "a skill in a thread asks nobody", {
				hint: "Leave `thread` out for a skill that uses context.ask().",
			});
		},
		bus: noBus,
		artifacts: new FileArtifacts(artifacts, (bytes) => systemClock.randomHex(bytes)),
	};
}

const noBusHere = (): never => {
	throw new MusterError("E_CONFIG_INVALID", "a skill in a thread is not on the bus", {
		hint: "Leave `thread` out for a skill that uses context.bus.",
	});
};

const noBus: SkillBus = {
	publish: noBusHere,
	subscribe: noBusHere,
	request: async () => noBusHere(),
	requestMany: async () => noBusHere(),
	streams: { append: async () => noBusHere() },
};
