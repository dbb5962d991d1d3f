/**
 * CPU-heavy skills run in a pool of threads (piscina), so that the main thread stays free. Threads start when there is
 * work and end when there has been none for a while. An aborted skill's thread is terminated, even in a busy loop.
 */
import { extname } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { Piscina } from "piscina";
import { type ErrorData, fromErrorData, MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { SkillContext } from "../skill/skill.ts";

export interface ThreadTask {
	/** URL of the module that exports the skill. */
	module: string;
	/** The skill's name. */
	skill: string;
	input: unknown;
	context: SkillContext;
}

export interface ThreadPool {
	/** Runs a skill in a thread. @throws what the skill threw, E_SKILL_THREAD when its thread ended */
	run(task: ThreadTask): Promise<unknown>;
	/** Threads that live now. */
	readonly size: number;
	close(): Promise<void>;
}

/** What goes into the thread ... */
export interface ThreadRequest {
	module: string;
	skill: string;
	input: unknown;
	artifacts: string;
	task: SkillContext["task"];
	previous: readonly Json[];
	children: SkillContext["children"];
	port: MessagePort;
}

/** ... what it says on the way ... */
export type ThreadNote =
	| { kind: "progress"; fraction: number; message?: string }
	| { kind: "log"; level: "debug" | "info" | "warn" | "error"; message: string; fields?: Record<string, Json> };

/** ... and what comes back. */
export type ThreadResult = { output: unknown } | { error: ErrorData };

const IDLE_MS = 10_000;

export function createThreadPool(options: { maxThreads: number; artifacts: string }): ThreadPool {
	let pool: Promise<Piscina> | undefined;
	let loaded: Piscina | undefined;
	const load = async (): Promise<Piscina> => {
		const piscina = await import("piscina");
		loaded = new piscina.Piscina({
			filename: new URL(`./skill-thread${extname(import.meta.filename)}`, import.meta.url).href,
			minThreads: 0,
			maxThreads: options.maxThreads,
			idleTimeout: IDLE_MS,
		});
		return loaded;
	};
	return {
		get size() {
			return loaded?.threads.length ?? 0;
		},
		async run({ module, skill, input, context }) {
			pool ??= load();
			const threads = await pool;
			const { port1, port2 } = new MessageChannel();
			port1.on("message", (note: ThreadNote) => {
				if (note.kind === "progress") context.progress(note.fraction, note.message);
				else context.log[note.level](note.message, note.fields);
			});
			port1.unref();
			const { task, previous, children } = context;
			const request = { module, skill, input, artifacts: options.artifacts, task, previous, children, port: port2 };
			try {
				const transfer = { transferList: [port2], signal: context.signal };
				const result = (await threads.run(request, transfer as never)) as ThreadResult;
				if ("error" in result) throw fromErrorData(result.error);
				return result.output;
			} catch (error) {
				context.signal.throwIfAborted();
				if ((error as { code?: string }).code?.startsWith("E_")) throw error;
				throw new MusterError("E_SKILL_THREAD", `the thread of ${skill} ended: ${(error as Error).message}`, {
					cause: error,
				});
			} finally {
				port1.close();
			}
		},
		async close() {
			if (pool !== undefined) await (await pool).destroy();
		},
	};
}
